// The depth of a book as a chart and a table show it.

import { ENERGY_SCALE, PRICE_SCALE, forPixels, kwh, price, readDecimal } from "../../format";
import type { Depth, Level } from "../../types";

/** A price of the book: what is wanted at it or above, and offered at it or below. */
export interface Step {
  price: bigint;
  /** In Wh; null above the best bid. */
  wanted: bigint | null;
  /** In Wh; null below the best ask. */
  offered: bigint | null;
}

const at = (level: Level) => readDecimal(level.price, PRICE_SCALE);

/** Sums of a side by price, the best first. */
function sums(levels: Level[]): Map<bigint, bigint> {
  let sum = 0n;
  return new Map(levels.map((level) => [at(level), (sum += BigInt(level.quantity_wh))]));
}

/** All prices of the book from low to high, with what could trade there. */
export function steps({ bids, asks }: Depth): Step[] {
  const [wanted, offered] = [sums(bids), sums(asks)];
  const prices = [...new Set([...wanted.keys(), ...offered.keys()])].sort((a, b) => (a < b ? -1 : 1));
  const most = (side: Map<bigint, bigint>, takes: (price: bigint) => boolean) =>
    [...side].reduce<bigint | null>((sum, [level, total]) => (takes(level) && (sum === null || total > sum) ? total : sum), null);
  return prices.map((one) => ({
    price: one,
    wanted: most(wanted, (level) => level >= one),
    offered: most(offered, (level) => level <= one),
  }));
}

/** For pixels: kWh, or nothing. */
export function pixels(wh: bigint | null): number | null {
  return wh === null ? null : forPixels(wh, ENERGY_SCALE);
}

/** What is said of a sum. */
export function said(wh: bigint | null): string {
  return wh === null ? "none" : `${kwh(wh)} kWh`;
}

/** The best prices in words. */
export function spread({ bids, asks }: Depth): string {
  const best = (level: Level | undefined) => level && `$${price(level.price)}`;
  const [bid, ask] = [best(bids[0]), best(asks[0])];
  if (bid && ask) return `Best bid ${bid}, best offer ${ask} per kWh.`;
  if (bid) return `Best bid ${bid} per kWh; nobody offers.`;
  if (ask) return `Best offer ${ask} per kWh; nobody bids.`;
  return "Nobody bids or offers at the moment.";
}
