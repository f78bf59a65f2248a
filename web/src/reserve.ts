// What the figures behind the tokens say, and how to ask a node for those that the chain knows.

import { formatDecimal, MONEY_SCALE } from "./format";
import type { CurrencyReserve, ReserveCall } from "./types";

export interface Verdict {
  holds: boolean;
  /** One line. */
  text: string;
  /** What does not hold. */
  reasons: string[];
}

/** What an amount is counted in: the currency, or the token itself where nobody named one. */
export function unitOf(reserve: CurrencyReserve): string {
  return reserve.currency ?? "WXT";
}

/** To the last digit, because a difference of one must be seen. */
function exact(n: bigint, unit: string): string {
  return `${formatDecimal(n < 0n ? -n : n, MONEY_SCALE, 2)} ${unit}`;
}

/** What is wrong with a difference, if it is one. */
function reason(n: string | undefined, unit: string, more: string, less: string): string[] {
  const difference = BigInt(n ?? 0);
  if (difference === 0n) return [];
  return [(difference > 0n ? more : less).replace("%", exact(difference, unit))];
}

/** Equal figures are half of it; the currency's journal they come from must be in order, too. */
export function verdict(reserve: CurrencyReserve): Verdict {
  const unit = unitOf(reserve);
  const by = reserve.difference;
  const violations = reserve.journal.checked?.violations ?? 0;
  const reasons = [
    ...reason(
      by?.supply_bank,
      unit,
      "There are % more in tokens than the bank account has for them: nobody paid for these.",
      "There are % less in tokens than the bank account has for them.",
    ),
    ...reason(
      by?.bank_owed,
      unit,
      "The bank account has % more than is owed.",
      "The bank account has % less than is owed.",
    ),
    ...reason(
      by?.market_owed,
      unit,
      "The market contract holds % more than it owes.",
      "The market contract holds % less than it owes.",
    ),
  ];
  if (violations) {
    const rules = violations === 1 ? "a rule" : `${violations} rules`;
    reasons.push(`The journal breaks ${rules} of its own: its figures cannot be relied on.`);
  }
  if (reserve.equal && !reasons.length) {
    const text = "It adds up: what is owed is in the bank account, in tokens, and with the market contract.";
    return { holds: true, text, reasons };
  }
  return { holds: false, text: "It does not add up.", reasons };
}

/** What to type to ask a node of one's own choice. */
export function command(call: ReserveCall, block: string, node: string): string {
  const words = [call.to, `"${call.signature}"`, ...call.arguments];
  return `cast call ${words.join(" ")} --block ${block} --rpc-url ${node}`;
}
