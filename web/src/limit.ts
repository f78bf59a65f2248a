// How much the operator signs for an account: of which currency or certified energy, in words and checked.

import { MONEY_SCALE, count, money, parseDecimal, readDecimal } from "./format";
import type { SigningLimit } from "./types";

/** What certified energy is counted in. */
export const WH = "Wh";

/** An amount of a unit; `sign` is that of the only currency there is. */
export function amountOf(amount: string | bigint, unit: string, sign?: string): string {
  if (unit === WH) return `${count(amount)} Wh`;
  return sign ? `${sign}${money(amount, 2)}` : `${money(amount, 2)} ${unit}`;
}

/** What is left of a limit today. */
export function leftOf({ daily, signed_today, unit }: SigningLimit): bigint {
  const read = (text: string) => (unit === WH ? BigInt(text) : readDecimal(text, MONEY_SCALE));
  const left = read(daily) - read(signed_today);
  return left > 0n ? left : 0n;
}

/** What is wrong with a limit as it was entered, if anything. */
export function limitError(text: string, unit: string): string | undefined {
  if (unit === WH) return /^\d{1,15}$/.test(text.trim()) ? undefined : "Enter whole watt-hours such as 5000.";
  const amount = parseDecimal(text, MONEY_SCALE);
  return amount === null || amount < 0n ? "Enter an amount such as 20000." : undefined;
}
