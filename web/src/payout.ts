// What a payout is doing, in words.

import type { Payout, PayoutState } from "./types";
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
