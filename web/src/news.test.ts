import { expect, test } from "vitest";
import { KINDS, NAMES, hiddenSteps, newsText, stepsOf } from "./news";
import type { FeedEvent, FeedKind } from "./types";

const news = (kind: FeedKind, body: Record<string, unknown>): FeedEvent => ({
  id: 1, kind, name: NAMES[kind], body: { kind, ...body },
});

test("a name is its kind in other letters", () => {
  for (const kind of KINDS) {
    expect(NAMES[kind].replace(/[A-Z]/g, (letter, at) => (at ? "_" : "") + letter.toLowerCase())).toBe(kind);
  }
});

test("what services say is one step, what contracts did may be many", () => {
  const gate = news("gate_closed", { slot: "2026-06-01T10:00:00Z", root: "0x01" });
  expect(stepsOf(gate)).toEqual([{ slot: "2026-06-01T10:00:00Z", root: "0x01" }]);
  expect(newsText(gate)).toBe("slot 2026-06-01 10:00:00 UTC");
  expect(hiddenSteps(gate)).toBe(0);
  const step = { account: "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf", amount: "12.5" };
  const paid = news("deposit_credited", { block: 7, transaction: "0x02", count: 20, steps: [step, step] });
  expect(newsText(paid)).toBe("$12.5 of 0x7e5f45…5bdf, and 19 more");
  expect(hiddenSteps(paid)).toBe(18);
  // So many orders, and not steps.
  expect(hiddenSteps(news("order_rejected", { code: "FUNDS", count: 3 }))).toBe(0);
});

test("every kind has words for fields that are not there", () => {
  const dates = { from: "2026-06-01T10:00:00Z", to: "2026-06-01T10:00:00Z", valid_from: "2026-06-01T10:00:00Z" };
  for (const kind of KINDS) {
    expect(newsText(news(kind, dates))).not.toMatch(/undefined|null|NaN/);
  }
  const none = { trade: "0x01", run: 2, account: null, amount: "0" };
  expect(newsText(news("penalty_applied", { count: 1, steps: [none] }))).toBe("None any more");
  expect(newsText(news("order_cancelled", { slot: dates.from, by: "suspension" }))).toMatch(/suspension$/);
  expect(newsText(news("kill_switch", { scope: "zone", on: true }))).toBe("zone: stopped");
});
