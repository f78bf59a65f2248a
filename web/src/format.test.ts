import { expect, test } from "vitest";
import {
  addDays, atWallTime, cents, column, costOf, dateIn, dayStart, formatDecimal, gwei, kwh, money, parseDecimal, plainDecimal, price,
  readDecimal, runName, short, slotSpan, wallTime,
} from "./format";

test("text becomes an integer exactly or not at all", () => {
  const cases: [string, number, bigint | null][] = [
    ["5", 3, 5000n], ["0.18", 6, 180_000n], ["0,18", 6, 180_000n], [".5", 3, 500n], ["5.", 3, 5000n],
    ["1.2340", 3, 1234n], ["1.2345", 3, null], ["-0.5", 3, -500n], ["", 3, null], [".", 3, null],
    ["1e3", 3, null], ["1.2.3", 3, null], ["abc", 3, null], ["0.1", 9, 100_000_000n],
  ];
  for (const [text, scale, expected] of cases) expect(parseDecimal(text, scale), text).toBe(expected);
});

test("an integer is written without going through a float", () => {
  const cases: [bigint, number, number, number, string][] = [
    [9_007_199_254_740_993n, 9, 2, 9, "9\u202f007\u202f199.254740993"],
    [900_000_000n, 9, 2, 9, "0.90"], [-51_000_000n, 9, 2, 9, "\u22120.051"], [0n, 9, 2, 9, "0.00"],
    [2_345_000_000n, 9, 2, 2, "2.35"], [-2_345_000_000n, 9, 2, 2, "\u22122.35"],
    [-1n, 9, 2, 2, "0.00"], [1_234_567n, 0, 0, 0, "1\u202f234\u202f567"], [1500n, 3, 0, 3, "1.5"],
  ];
  for (const [value, scale, min, max, text] of cases) {
    expect(formatDecimal(value, scale, min, max)).toBe(text);
  }
});

test("the plain form can be read back", () => {
  for (const value of [0n, 1n, -1n, 123_456_789_012n, -5_000_000_000n]) {
    expect(parseDecimal(plainDecimal(value, 9), 9)).toBe(value);
  }
});

test("five kilowatt-hours at eighteen cents cost ninety cents", () => {
  expect(costOf(parseDecimal("0.18", 6)!, parseDecimal("5", 3)!)).toBe(900_000_000n);
  expect(money(costOf(180_000n, 5000n))).toBe("0.90");
});

test("a price is exact in hundredths", () => {
  expect([250_000n, 85_500n, 1n, 0n].map(cents)).toEqual(["25", "8.55", "0.0001", "0"]);
});

test("what is offered per gas is exact in gwei", () => {
  expect([0, 7, 1_000_014, 1_000_000_000_000].map(gwei)).toEqual(["0", "0.000000007", "0.001000014", "1\u202f000"]);
});

test("the points of a column stand in one line", () => {
  const write = column([500n, 1039n, 12_000n], 3, 2, 3);
  expect([500n, 1039n, 12_000n].map(write)).toEqual(["0.500", "1.039", "12.000"]);
  expect(column([500n], 3, 2, 3)(500n)).toBe("0.50");
  expect(column([], 3, 2, 3)(0n)).toBe("0.00");
});

test("amounts of the API are shown as people write them", () => {
  expect(money("0.9")).toBe("0.90");
  expect(money("0.123456789")).toBe("0.12346");
  expect(money("nonsense")).toBe("0.00");
  expect(price("0.1825")).toBe("0.1825");
  expect(kwh(4200)).toBe("4.2");
  expect(readDecimal("1.1234567891", 9)).toBe(1_123_456_789n);
  expect(short(`0x${"ab".repeat(32)}`)).toBe("0xababab…abab");
});

test("a run says who it is of", () => {
  const names = [0, 253, 254, 255].map(runName);
  const expected = ["Reconciled R0", "Reconciled R253", "Cut after a challenge"];
  expect(names).toEqual([...expected, "Expired: nothing was delivered"]);
});

test("a local day begins at its midnight, also where the clock changes", () => {
  const zone = "Europe/Berlin";
  expect(dayStart("2026-06-01", zone).toISOString()).toBe("2026-05-31T22:00:00.000Z");
  const start = dayStart("2026-10-25", zone).getTime();
  expect(dayStart(addDays("2026-10-25", 1), zone).getTime() - start).toBe(25 * 3_600_000);
  expect(dateIn("2026-05-31T22:00:00Z", zone)).toBe("2026-06-01");
  expect(slotSpan("2026-06-01T12:15:00Z", 15, zone)).toBe("14:15–14:30");
});

test("a time on the wall is a moment, also around the changes of clocks", () => {
  const zone = "Europe/Berlin";
  const at = (text: string) => atWallTime(text, zone)?.toISOString();
  expect(wallTime("2026-06-01T12:15:00Z", zone)).toBe("2026-06-01T14:15");
  expect(at("2026-06-01T14:15")).toBe("2026-06-01T12:15:00.000Z");
  expect(at("2026-03-29T02:30")).toBeUndefined();
  expect(at("2026-10-25T02:30")).toBe("2026-10-25T00:30:00.000Z");
  expect(atWallTime("2026-06-01T00:00", "Pacific/Kiritimati")?.toISOString()).toBe("2026-05-31T10:00:00.000Z");
  expect(atWallTime("2026-06-01T00:00", "Asia/Kathmandu")?.toISOString()).toBe("2026-05-31T18:15:00.000Z");
  expect(at("")).toBeUndefined();
  expect(at("2026-06-01")).toBeUndefined();
});
