import { expect, test } from "vitest";
import type { Depth, Level } from "../../types";
import { pixels, said, spread, steps } from "./depth";

const level = (price: string, quantity_wh: number): Level => ({ price, quantity_wh, orders: 1 });
const depth = (bids: Level[], asks: Level[]): Depth => ({ slot: "2026-06-01T10:00:00Z", bids, asks, trades: 0 });

test("what is wanted sums up downwards, what is offered upwards", () => {
  const book = depth([level("0.12", 500), level("0.1", 1500)], [level("0.15", 2000), level("0.2", 700)]);
  expect(steps(book)).toEqual([
    { price: 100_000n, wanted: 2000n, offered: null },
    { price: 120_000n, wanted: 500n, offered: null },
    { price: 150_000n, wanted: null, offered: 2000n },
    { price: 200_000n, wanted: null, offered: 2700n },
  ]);
});

test("prices are in order as numbers, below zero too", () => {
  const book = depth([level("0.1", 1), level("0.09", 1), level("-0.01", 1)], []);
  expect(steps(book).map((step) => step.price)).toEqual([-10_000n, 90_000n, 100_000n]);
  expect(steps(depth([], []))).toEqual([]);
});

test("the best prices are said, and who is missing", () => {
  const [bid, ask] = [level("0.12", 500), level("0.15", 500)];
  const cases: [Level[], Level[], RegExp][] = [
    [[bid], [ask], /0\.12.*0\.15/], [[bid], [], /0\.12.*nobody offers/],
    [[], [ask], /0\.15.*nobody bids/], [[], [], /Nobody/],
  ];
  for (const [bids, asks, expected] of cases) expect(spread(depth(bids, asks))).toMatch(expected);
});

test("nothing is no number", () => {
  expect([pixels(null), pixels(1500n)]).toEqual([null, 1.5]);
  expect([said(null), said(1500n)]).toEqual(["none", "1.5 kWh"]);
});
