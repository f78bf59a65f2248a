// Payments of the bank that nobody is credited with: in words, and which bill they may be for.

import { MONEY_SCALE, readDecimal } from "./format";
import type { Receivable, UnmatchedPayment } from "./types";

const REASONS: Record<string, string> = {
  CURRENCY: "It is in another currency than the bank account.",
  REVERSAL: "It takes back what went out.",
  NO_BANK_REFERENCE: "The bank gave it no name: it cannot be told from a repeat.",
  REPEATED: "The bank gave two payments of the day one name.",
  NO_REFERENCE: "It says no wallet's and no bill's reference.",
  AMBIGUOUS: "It says the references of several wallets or bills.",
  PAYOUT_AMOUNT: "The payout that it names is of another amount.",
  PAYOUT_STATE: "The payout that it names was not ordered, or did not go out.",
};

/** Why it waits for somebody to look; a newer server may know more reasons. */
export function reasonOf({ reason }: Pick<UnmatchedPayment, "reason">): string {
  return REASONS[reason] ?? reason;
}

/** Whether somebody can be credited with it: it came in, and in the currency of its bank account. */
export function mayAssign({ side, reason }: Pick<UnmatchedPayment, "side" | "reason">): boolean {
  return side === "credit" && reason !== "CURRENCY";
}

/** Whether a bill may be what a payment is for: it says the bill's number, or is just what that leaves. */
export function mayBeFor(
  { amount, remittance }: Pick<UnmatchedPayment, "amount" | "remittance">,
  { number, left }: Pick<Receivable, "number" | "left">,
): boolean {
  const said = remittance.toUpperCase().split(number.toUpperCase()).slice(1);
  const says = said.some((after) => !/^\d/.test(after));
  return says || readDecimal(amount, MONEY_SCALE) === readDecimal(left, MONEY_SCALE);
}
