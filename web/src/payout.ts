// What a payout is doing, in words.

import { sameAddress } from "./address";
import { MONEY_SCALE, parseDecimal, readDecimal } from "./format";
import type { Currency, Payout, PayoutState, PayoutWish, PreparedPayout, TypedData } from "./types";
import type { Tone } from "./ui";

export const PAYOUT_STATES: Record<PayoutState, [string, Tone]> = {
  requested: ["Leaving the market", "info"],
  withdrawing: ["In the market's delay", "info"],
  withdrawn: ["Left the market", "info"],
  redeemed: ["Waits for the bank file", "info"],
  ordered: ["Ordered at the bank", "info"],
  paid: ["Paid", "good"],
  returned: ["Came back", "warn"],
  credited: ["Back in the wallet", "good"],
  failed: ["Failed", "bad"],
  expired: ["Ran out of time", "bad"],
};

/** "2 hours": at least a minute, rounded up. */
export function duration(seconds: number): string {
  const whole = (count: number, unit: string) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (seconds <= 3600) return whole(Math.max(1, Math.ceil(seconds / 60)), "minute");
  const hours = Math.ceil(seconds / 3600);
  return hours <= 48 ? whole(hours, "hour") : whole(Math.ceil(hours / 24), "day");
}

/** An account number in groups of four, as it is printed. */
export function spaced(iban: string): string {
  return iban.replace(/(.{4})(?=.)/g, "$1 ");
}

/** Where it goes, in words. */
export function destinationOf({ creditor, iban }: Pick<Payout, "creditor" | "iban">): string {
  return iban ? `${creditor}, ${spaced(iban)}` : "Your wallet, to trade with";
}

/** Whether somebody has to wait for it. */
export function isOpen({ state }: Payout): boolean {
  return !["paid", "credited", "failed", "expired"].includes(state);
}

const OTHER = "The server prepared another payout than was asked for. Nothing was signed.";

/** Throws where what was prepared is not what `account` wished to be paid out of a currency, or not what its wallet
 * would sign. That the hash on the chain is of this bank account, only the server knows. */
export function checkPayout(
  prepared: PreparedPayout,
  wish: PayoutWish,
  account: string,
  currency: Currency,
): PreparedPayout {
  const { terms, withdrawal, redemption, destination } = prepared;
  const { cash } = terms;
  const isOfCurrency = currency.traded
    ? cash === undefined
    : cash && sameAddress(cash.token, currency.token) && sameAddress(cash.market, currency.market);
  const shows = ({ domain, message }: TypedData, contract: string) =>
    sameAddress(domain.verifyingContract, contract) &&
    sameAddress(message.account ?? "", account) &&
    message.amount === String(parseDecimal(wish.amount, MONEY_SCALE));
  const fits =
    sameAddress(terms.account, account) &&
    readDecimal(terms.amount, MONEY_SCALE) === parseDecimal(wish.amount, MONEY_SCALE) &&
    terms.iban === (wish.iban ?? "").replace(/\s/g, "").toUpperCase() &&
    (!wish.iban || terms.creditor === wish.creditor) &&
    isOfCurrency &&
    !!withdrawal === !wish.outside &&
    (!withdrawal || shows(withdrawal, currency.market)) &&
    shows(redemption, currency.token) &&
    sameAddress(redemption.message.destination ?? "", destination);
  if (!fits) throw new Error(OTHER);
  return prepared;
}
