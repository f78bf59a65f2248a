import { expect, test } from "vitest";
import { niceRange, tickText, ticks } from "./scale";

test("ticks are round and inside the range", () => {
  expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks(0, 0.3, 3).map(tickText)).toEqual(["0", "0.1", "0.2", "0.3"]);
  expect(ticks(-5, 5, 4).map(tickText)).toEqual(["\u22125", "\u22122.5", "0", "2.5", "5"]);
});

test("a range has height even where all values are equal", () => {
  expect(niceRange([0, 0], true, 4)).toEqual([0, 1]);
  expect(niceRange([], true, 4)).toEqual([0, 1]);
  const [low, high] = niceRange([0.18], false, 4);
  expect(low).toBeLessThan(0.18);
  expect(high).toBeGreaterThan(0.18);
  expect(niceRange([3, 47], true, 5)).toEqual([0, 50]);
});
