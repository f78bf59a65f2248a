// What is asked for when somebody else may sign orders, and the forms in which it is asked.

import { readAddress } from "./address";
import {
  CENT_SCALE, ENERGY_SCALE, addDays, dateIn, dayStart, kwh, parseDecimal,
} from "./format";
import { type Need, NO_SALE, isInForce, slotsPerDay } from "./mandate";
import { timestamp } from "./slots";
import type { Mandate, MandateWish, Market } from "./types";

/** The highest limit that the forms take, in 1e-9 currency per Wh: 1000 per kWh. */
const LIMIT_MAX = 1_000_000_000n;
/** How long a mandate lasts unless its owner says otherwise. */
const DAYS = 365;
/** The longest that one may last. */
const DAYS_MAX = 5 * 365;

/** The day a new mandate ends unless its owner says otherwise. */
export function usualEnd({ now, timezone }: Market): string {
  return addDays(dateIn(now, timezone), DAYS);
}

/** The most of a day unless the owner says otherwise: what was granted before where it is enough, else
 * what is granted for all slots together. */
export function usualDay(need: Need, before: Mandate | undefined, market: Market): bigint {
  const all = need.granted * slotsPerDay(market);
  const chosen = before && isInForce(before, market.now) ? BigInt(before.quantity_per_day_wh) : all;
  return chosen >= need.perDay && chosen >= need.granted && chosen < all ? chosen : all;
}

/** What is wrong with the last day of a mandate, if anything. */
export function endError(date: string, { now, timezone }: Market): string | undefined {
  const today = dateIn(now, timezone);
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || date < today) return "Enter today or a later day.";
  return date > addDays(today, DAYS_MAX) ? "At most five years." : undefined;
}

/** The moment before which orders may be settled, so that `date` is the last day. */
export function untilEndOf(date: string, { timezone }: Market): string {
  return timestamp(dayStart(addDays(date, 1), timezone));
}

/** What is wrong with the most of a day, if anything; it is exact in JSON. */
export function dayError(perDay: bigint | null, perSlot: bigint): string | undefined {
  if (perDay === null || perDay <= 0n || perDay > NO_SALE) return "Enter an amount such as 20.";
  return perDay < perSlot ? `At least the ${kwh(perSlot)} kWh of one slot.` : undefined;
}

/** The mandate that rules need. */
export function wishOf(
  need: Need,
  { delegate, policy }: { delegate: string; policy: string },
  { perDay, until }: { perDay: bigint; until: string },
): MandateWish {
  return {
    kind: "mandate",
    delegate,
    policy,
    until,
    buy_price_max: Number(need.buyMax),
    sell_price_min: Number(need.sellMin),
    quantity_per_slot: Number(need.granted),
    quantity_per_day: Number(perDay),
  };
}

/** The end of whatever a delegate may sign. */
export function endOf(delegate: string, policy: string): MandateWish {
  const nothing = { buy_price_max: 0, sell_price_min: Number(NO_SALE), quantity_per_slot: 0, quantity_per_day: 0 };
  return { kind: "mandate", delegate, policy, ...nothing };
}

/** A limit in ct/kWh; null where it is none, or higher than any that is meant. */
export function readLimit(text: string): bigint | null {
  const limit = parseDecimal(text, CENT_SCALE);
  return limit !== null && limit >= 0n && limit <= LIMIT_MAX ? limit : null;
}

/** The fields of the form in which any delegate is granted something. */
export interface GrantFields {
  delegate: string;
  buy: string;
  sell: string;
  perSlot: string;
  perDay: string;
  until: string;
}

type Problems = Partial<Record<keyof GrantFields, string>>;

/** Reads that form: what to ask for, or what is wrong. */
export function readGrant(
  fields: GrantFields,
  market: Market,
): { wish: MandateWish; problems?: undefined } | { wish?: undefined; problems: Problems } {
  const delegate = readAddress(fields.delegate);
  const buy = fields.buy.trim() ? readLimit(fields.buy) : 0n;
  const sell = fields.sell.trim() ? readLimit(fields.sell) : NO_SALE;
  const perSlot = parseDecimal(fields.perSlot, ENERGY_SCALE);
  const perDay = parseDecimal(fields.perDay, ENERGY_SCALE);
  const slotError = perSlot === null || perSlot <= 0n || perSlot > NO_SALE ? "Enter an amount such as 2.5." : undefined;
  const found: [keyof GrantFields, string | undefined][] = [
    ["delegate", delegate ? undefined : "Enter an address: 0x and 40 digits."],
    ["buy", buy === null ? "Enter a price such as 25." : undefined],
    ["sell", sell === null ? "Enter a price such as 8." : undefined],
    ["perSlot", slotError],
    ["perDay", dayError(perDay, perSlot ?? 0n)],
    ["until", endError(fields.until, market)],
  ];
  const problems: Problems = Object.fromEntries(found.filter(([, problem]) => problem));
  if (!problems.buy && !problems.sell && buy === 0n && sell === NO_SALE) {
    problems.buy = "Say what may be bought or sold.";
  }
  if (Object.keys(problems).length) return { problems };
  return {
    wish: {
      kind: "mandate",
      delegate: delegate!,
      policy: market.policy_id,
      until: untilEndOf(fields.until, market),
      buy_price_max: Number(buy),
      sell_price_min: Number(sell),
      quantity_per_slot: Number(perSlot),
      quantity_per_day: Number(perDay),
    },
  };
}
