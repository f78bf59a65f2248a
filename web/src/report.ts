// Reports for who supplies, and runs the grid: which days, and what they add up to.

import { addDays, dateIn } from "./format";
import type { ResidualRow } from "./types";

/** The most days of a report. */
export const DAYS_MAX = 366;

/** What is wrong with the days of a report, if anything. */
export function periodError(from: string, to: string): string | undefined {
  const [first, last] = [Date.parse(`${from}T00:00:00Z`), Date.parse(`${to}T00:00:00Z`)];
  if (Number.isNaN(first) || Number.isNaN(last)) return "Choose a day.";
  if (last < first) return "It ends before it begins.";
  return (last - first) / 86_400_000 >= DAYS_MAX ? `At most ${DAYS_MAX} days.` : undefined;
}

/** The week that ended yesterday, in local days. */
export function lastWeek(now: string, zone: string | undefined): { from: string; to: string } {
  const today = dateIn(now, zone);
  return { from: addDays(today, -7), to: addDays(today, -1) };
}

/** The energies of a residual load that add up. */
const SUMS = [
  "missing", "import_wh", "export_wh", "traded_wh", "residual_import_wh", "residual_export_wh",
] as const satisfies (keyof ResidualRow)[];

/** The local days of a residual load: `slot` is then the day. `points` are the most of one of its slots. */
export function byDay(rows: ResidualRow[], zone: string | undefined): ResidualRow[] {
  const days = new Map<string, ResidualRow>();
  for (const row of rows) {
    const slot = dateIn(row.slot, zone);
    const sum = days.get(slot);
    if (!sum) {
      days.set(slot, { ...row, slot });
      continue;
    }
    for (const name of SUMS) sum[name] += row[name];
    sum.points = Math.max(sum.points, row.points);
  }
  return [...days.values()];
}

/** What is charged on bills, in words; a newer server may know more classes. */
export const CLASSES: Record<string, string> = {
  fixed: "Standing charge",
  p2p_bought: "Energy bought from neighbours",
  retail: "Energy of the retailer",
  demand: "Demand",
  network_local: "Network fee on neighbours' energy",
  network: "Network fee on the retailer's energy",
  levy: "Levies and taxes per kWh",
  platform_bought: "Platform fee on energy bought",
  platform_sold: "Platform fee on energy sold",
  p2p_sold: "Energy sold to neighbours",
  feed_in: "Feed-in",
  minimum: "Up to the minimum charge",
  banked: "Carried over",
  make_whole: "For what neighbours did not deliver",
  compensation: "For what neighbours did not take",
  seller_penalty: "For what was sold and not delivered",
  buyer_penalty: "For what was bought and not taken",
  imbalance: "For what was agreed and missed",
  vat: "Value-added tax",
};
