import { expect, test } from "vitest";
import { firstOpen, firstUnopened, lastClosed, openSlots, slotsOf, timestamp } from "./slots";
import type { Market } from "./types";

function market(now: string, more: Partial<Market> = {}): Market {
  const times = { slot_minutes: 15, gate_seconds: 900, horizon_seconds: 86_400, timezone: "Europe/Berlin" };
  return { now, ...times, ...more } as Market;
}

test("the first open slot is the one whose gate has not come", () => {
  expect(firstOpen(market("2026-06-01T10:00:00Z"))).toBe("2026-06-01T10:30:00Z");
  expect(firstOpen(market("2026-06-01T10:14:59Z"))).toBe("2026-06-01T10:30:00Z");
  expect(firstOpen(market("2026-06-01T10:15:00Z"))).toBe("2026-06-01T10:45:00Z");
});

test("the first slot whose book is not open starts after the horizon, not at it", () => {
  expect(firstUnopened(market("2026-06-01T10:00:01Z"))).toBe("2026-06-02T10:15:00Z");
  expect(firstUnopened(market("2026-06-01T09:59:59Z"))).toBe("2026-06-02T10:00:00Z");
  // At this very moment the book of the slot a horizon away opens.
  expect(firstUnopened(market("2026-06-01T10:00:00Z"))).toBe("2026-06-02T10:15:00Z");
  expect(firstUnopened(market("2026-06-01T10:20:00Z", { slot_minutes: 60 }))).toBe("2026-06-02T11:00:00Z");
});

test("open slots reach from the first whose gate has not come to a horizon away", () => {
  const slots = openSlots(market("2026-06-01T10:00:00Z", { horizon_seconds: 3600 }));
  expect(slots).toEqual(["2026-06-01T10:30:00Z", "2026-06-01T10:45:00Z", "2026-06-01T11:00:00Z"]);
  expect(openSlots(market("2026-06-01T10:00:00Z", { horizon_seconds: 900 }))).toEqual([]);
});

test("the last closed slot is the one whose gate has passed", () => {
  expect(lastClosed(market("2026-06-01T10:00:00Z"))).toBe("2026-06-01T10:15:00Z");
  expect(lastClosed(market("2026-06-01T10:14:59Z"))).toBe("2026-06-01T10:15:00Z");
});

test("a local day has 92, 96 or 100 quarter-hours", () => {
  const of = (date: string) => slotsOf(date, market(""));
  expect(["2026-03-29", "2026-06-01", "2026-10-25"].map((date) => of(date).length)).toEqual([92, 96, 100]);
  expect(of("2026-06-01")[0]).toBe("2026-05-31T22:00:00Z");
  expect(of("2026-06-01").at(-1)).toBe("2026-06-01T21:45:00Z");
});

test("slots start at multiples of their length also where the day does not", () => {
  const slots = slotsOf("2026-06-01", market("", { timezone: "Asia/Kolkata", slot_minutes: 60 }));
  expect(slots).toHaveLength(24);
  expect(slots[0]).toBe("2026-05-31T19:00:00Z");
});

test("a moment is written as the API writes it", () => {
  expect(timestamp(new Date("2026-06-01T12:15:00+02:00"))).toBe("2026-06-01T10:15:00Z");
});
