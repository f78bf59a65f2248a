// What an account lets a delegate sign: what its rules need, what is granted, and both in words.

import { cents, dateIn, kwh } from "./format";
import { timestamp } from "./slots";
import type { ConnectionPoint, Mandate, MandateTerms, Market, Rule } from "./types";

/** No order's limit reaches it: what is granted sells nothing. Also the most that JSON is exact for. */
export const NO_SALE = BigInt(Number.MAX_SAFE_INTEGER);

/** Limits of a mandate: prices in 1e-9 currency per Wh, energy in Wh. */
export interface Limits {
  /** The most an order to buy pays all in; nothing is bought for nothing. */
  buyMax: bigint;
  /** The least an order to sell gets net; nothing is sold from NO_SALE on. */
  sellMin: bigint;
  /** The largest order of each side and slot. */
  perSlot: bigint;
  /** The most of each side and UTC day. */
  perDay: bigint;
  /** Before when; absent where it ended. */
  until?: string;
}

export function limitsOfTerms(terms: MandateTerms): Limits {
  return {
    buyMax: BigInt(terms.buyPriceMax),
    sellMin: BigInt(terms.sellPriceMin),
    perSlot: BigInt(terms.quantityPerSlot),
    perDay: BigInt(terms.quantityPerDay),
    ...(terms.until ? { until: timestamp(terms.until * 1000) } : {}),
  };
}

export function limitsOf(mandate: Mandate): Limits {
  return {
    buyMax: BigInt(mandate.buy_price_max),
    sellMin: BigInt(mandate.sell_price_min),
    perSlot: BigInt(mandate.quantity_per_slot_wh),
    perDay: BigInt(mandate.quantity_per_day_wh),
    ...(mandate.until ? { until: mandate.until } : {}),
  };
}

/** Whether something is granted at `now`. */
export function isInForce({ until }: { until?: string }, now: string): boolean {
  return until !== undefined && Date.parse(until) > Date.parse(now);
}

/** The last day on which a mandate is in force at all. */
function lastDay(until: string, zone?: string): string {
  return dateIn(new Date(Date.parse(until) - 1000), zone);
}

/** "at most 2.5 kWh in a slot and 240 kWh a day, to buy never above 25 ct/kWh all-in, until 2027-11-30". */
export function limitWords({ buyMax, sellMin, perSlot, perDay, until }: Limits, zone?: string): string {
  const [buys, sells] = [buyMax > 0n, sellMin < NO_SALE];
  const buy = buys ? `to buy never above ${cents(buyMax)} ct/kWh all-in` : "";
  const sell = sells ? `to sell never below ${cents(sellMin)} ct/kWh net` : "";
  const each = buys && sells ? " of each side" : "";
  return [
    `at most ${kwh(perSlot)} kWh in a slot and ${kwh(perDay)} kWh a day${each}`,
    buy,
    sell,
    ...(buys || sells ? [] : ["neither to buy nor to sell"]),
    until ? `until ${lastDay(until, zone)}` : "no more",
  ].filter(Boolean).join(", ");
}

/** What is granted, as its owner should read it before signing. */
export function grantWords(who: string, limits: Limits, zone?: string): string {
  const [buys, sells] = [limits.buyMax > 0n, limits.sellMin < NO_SALE];
  const not = buys === sells ? "" : ` It cannot ${buys ? "sell" : "buy"}.`;
  const words = limitWords(limits, zone);
  return `${who} may sign orders for you, ${words}.${not} You can end this at any time, also on the chain.`;
}

/** What the rules of an account need of a mandate. */
export interface Need {
  buyMax: bigint;
  sellMin: bigint;
  /** The largest order that they can place. */
  perSlot: bigint;
  /** What they place in a day whatever happens. */
  perDay: bigint;
  /** What is granted for a slot: room for other quantities of the same connections. */
  granted: bigint;
}

/** What the wires carry in a slot. */
export function slotMax(point: ConnectionPoint | undefined, side: Rule["side"], market: Market): bigint {
  const watts = side === "buy" ? point?.import_max_w : point?.export_max_w;
  return (BigInt(watts ?? 0) * BigInt(market.slot_minutes)) / 60n;
}

export function slotsPerDay({ slot_minutes }: Market): bigint {
  return BigInt(Math.floor((24 * 60) / slot_minutes));
}

const most = (values: bigint[]) => values.reduce((one, other) => (one > other ? one : other), 0n);
const least = (values: bigint[], none: bigint) => values.reduce((one, other) => (one < other ? one : other), none);

/** Whether a rule places no order any more. */
export function isOver({ until }: { until?: string }, now: string): boolean {
  return until !== undefined && Date.parse(until) <= Date.parse(now);
}

/** All rules together; null where none of them places an order any more. */
export function needOf(rules: Rule[], points: ConnectionPoint[], market: Market): Need | null {
  const going = rules.filter((rule) => !isOver(rule, market.now));
  if (!going.length) return null;
  const carried = (rule: Rule) => {
    const point = points.find((one) => one.connection_point === rule.connection_point);
    return slotMax(point, rule.side, market);
  };
  const limits = (side: Rule["side"]) =>
    going.filter((rule) => rule.side === side).map((rule) => BigInt(rule.limit_price));
  const fixed = going.map((rule) => BigInt(rule.quantity_wh ?? 0));
  return {
    buyMax: most(limits("buy")),
    sellMin: least(limits("sell"), NO_SALE),
    perSlot: most(going.map((rule) => (rule.quantity_wh === undefined ? carried(rule) : BigInt(rule.quantity_wh)))),
    perDay: most(fixed) * slotsPerDay(market),
    granted: most([...fixed, ...going.map(carried), BigInt(market.lot_min_wh)]),
  };
}

/** Why a mandate does not cover what rules need, in words; empty where it does. */
export function gapsOf(mandate: Mandate | undefined, need: Need, { policy_id, now }: Market): string[] {
  if (!mandate || !isInForce(mandate, now)) return ["Nothing is granted."];
  const { buyMax, sellMin, perSlot, perDay } = limitsOf(mandate);
  const gaps: [boolean, string][] = [
    [mandate.policy.toLowerCase() !== policy_id.toLowerCase(), "It is for another policy of the market."],
    [buyMax < need.buyMax, `It buys up to ${cents(buyMax)} ct/kWh, and a rule up to ${cents(need.buyMax)}.`],
    [sellMin > need.sellMin, `A rule sells from ${cents(need.sellMin)} ct/kWh on, and it does not.`],
    [perSlot < need.perSlot, `It allows ${kwh(perSlot)} kWh in a slot, and a rule needs ${kwh(need.perSlot)}.`],
    [perDay < need.perDay, `It allows ${kwh(perDay)} kWh a day, and a rule needs ${kwh(need.perDay)}.`],
  ];
  return gaps.flatMap(([missing, words]) => (missing ? [words] : []));
}
