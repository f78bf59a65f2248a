// Accounts that pay before they use: how they stand, for how long what they have lasts, and what happens next.

import { days } from "./dues";
import { count } from "./format";
import type { Prepaid } from "./types";
import type { Tone } from "./ui";

/** How an account stands, in words. */
export function prepaidState(state: Prepaid["state"]): [text: string, tone: Tone] {
  const states: Record<Prepaid["state"], [string, Tone]> = {
    active: ["Enough", "good"],
    low: ["Low", "warn"],
    emergency: ["On credit", "bad"],
    suspended: ["May be cut", "bad"],
  };
  return states[state];
}

/** "2 days and 3 hours"; nothing runs out where nothing is used. */
export function lastsText(hours: number | undefined): string {
  if (hours === undefined) return "Does not run out";
  const whole = Math.floor(hours / 24);
  if (whole >= 14) return days(whole);
  const rest = hours % 24;
  const rested = rest === 1 ? "1 hour" : `${count(rest)} hours`;
  if (whole === 0) return rested;
  return rest === 0 ? days(whole) : `${days(whole)} and ${rested}`;
}

/** What happens next, by the state. */
export const NEXT: Record<Prepaid["state"], (lowDays: number, credit: string) => string> = {
  active: (lowDays) => `You are told when your balance lasts less than ${days(lowDays)}.`,
  low: (_, credit) => `Below nothing you use credit, up to ${credit}. Your supply goes on.`,
  emergency: () =>
    "Your supply goes on. It is not suspended without a notice, two people who agree, and never at night, on a weekend or a holiday.",
  suspended: () => "Who runs your meter was told that your supply may be cut. It ends at once when your balance is not below nothing.",
};
