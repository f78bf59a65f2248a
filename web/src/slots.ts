// Slots by the clock: they start at multiples of their length.

import { addDays, dayStart } from "./format";
import type { Market } from "./types";

const MINUTE_MS = 60_000;

/** A moment as the API writes it: "2026-06-01T10:00:00Z". */
export function timestamp(at: number | Date): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** The first slot whose book is not open yet. */
export function firstUnopened({ now, horizon_seconds, slot_minutes }: Market): string {
  const length = slot_minutes * MINUTE_MS;
  return timestamp(Math.floor((Date.parse(now) + horizon_seconds * 1000) / length + 1) * length);
}

/** The first slot whose book is open for orders. */
export function firstOpen({ now, gate_seconds, slot_minutes }: Market): string {
  const length = slot_minutes * MINUTE_MS;
  return timestamp(Math.floor((Date.parse(now) + gate_seconds * 1000) / length + 1) * length);
}

/** The starts of the slots whose book is open, soonest first. */
export function openSlots(market: Market): string[] {
  const length = market.slot_minutes * MINUTE_MS;
  const end = Date.parse(market.now) + market.horizon_seconds * 1000;
  const slots: string[] = [];
  for (let start = Date.parse(firstOpen(market)); start <= end; start += length) slots.push(timestamp(start));
  return slots;
}

/** The last slot whose book is closed for good. */
export function lastClosed({ now, gate_seconds, slot_minutes }: Market): string {
  const length = slot_minutes * MINUTE_MS;
  return timestamp(Math.floor((Date.parse(now) + gate_seconds * 1000) / length) * length);
}

/** The slots that start on a calendar day in the market's time zone. */
export function slotsOf(date: string, { timezone, slot_minutes }: Market): string[] {
  const length = slot_minutes * MINUTE_MS;
  const end = dayStart(addDays(date, 1), timezone).getTime();
  const slots: string[] = [];
  for (let at = Math.ceil(dayStart(date, timezone).getTime() / length) * length; at < end; at += length) {
    slots.push(timestamp(at));
  }
  return slots;
}
