// Payments of the bank that nobody is credited with, in words.

import type { UnmatchedPayment } from "./types";

const REASONS: Record<string, string> = {
  CURRENCY: "It is in another currency than the bank account.",
  REVERSAL: "It takes back what went out.",
  NO_BANK_REFERENCE: "The bank gave it no name: it cannot be told from a repeat.",
  REPEATED: "The bank gave two payments of the day one name.",
  NO_REFERENCE: "It says no wallet's reference.",
  AMBIGUOUS: "It says the references of several wallets.",
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
