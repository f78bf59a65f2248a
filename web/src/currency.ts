// The currencies of the installation, and how amounts of them are written.

import { sameAddress } from "./address";
import { money } from "./format";
import type { Balance, Currency } from "./types";

/** A currency on a page. Where there is only one it is written with a sign, as prices are; else with its code. */
export interface Unit extends Currency {
  sign?: "$";
}

/** The currencies as pages write them, the one that energy is traded in first. */
export function unitsOf(currencies: Currency[]): Unit[] {
  const [first, ...further] = [...currencies].sort((one, other) => Number(other.traded) - Number(one.traded));
  if (!first) return [];
  return further.length ? [first, ...further] : [{ ...first, sign: "$" }];
}

/** An amount with what it is in. */
export function amountIn({ sign, code }: Unit, amount: string | bigint, decimals = 2): string {
  return sign ? sign + money(amount, decimals) : `${money(amount, decimals)} ${code}`;
}

/** What stands in brackets behind the name of a field or a column. */
export const labelOf = ({ sign, code }: Unit) => sign ?? code;

/** How requests name a currency: not at all where it is the first. */
export const namedIn = ({ traded, code }: Unit): { currency?: string } => (traded ? {} : { currency: code });

/** What an account has of a currency. */
export function balanceOf(balances: Balance[], { code }: Unit): Balance | undefined {
  return balances.find(({ currency }) => currency === code);
}

/** The code of the currency that a market holds. */
export function codeAt(units: Unit[], market: string): string | undefined {
  return units.find((one) => sameAddress(one.market, market))?.code;
}
