import { expect, test } from "vitest";
import { registers, shownBy, timeLeft, verdict } from "./challenge";
import type { PreparedChallenge, SideEvidence } from "./types";

const word = (value: number, bytes: number) => value.toString(16).padStart(2 * bytes, "0");

/** A message of 55 signed bytes and a signature. */
function message(time: number, imported: number, exported: number): string {
  const payload = `4d5231${"aa".repeat(16)}${word(7, 4)}${word(time, 8)}${word(imported, 8)}${word(exported, 8)}`;
  return `0x${payload}${word(0, 4)}${word(1, 4)}${"05".repeat(64)}`;
}

const proof = (of: string) => ({ message: of }) as NonNullable<SideEvidence["begin"]>;

test("a meter's message is read as it was signed", () => {
  const read = registers(message(1_780_300_800, 1_500, 2_250));
  expect(read).toEqual({ time: "2026-06-01T08:00:00.000Z", imported: 1_500n, exported: 2_250n });
  for (const bad of ["", "0x00", message(1, 2, 3).slice(0, -2), message(1, 2, 3).replace("4d5231", "4d5232")]) {
    expect(registers(bad)).toBeNull();
  }
});

test("a side's register is the one of its direction, and needs both ends", () => {
  const [begin, end] = [proof(message(0, 100, 7)), proof(message(900, 160, 9))];
  const both = { connection_point: "p", begin, end };
  expect(shownBy(both, "buy")).toEqual([100n, 160n]);
  expect(shownBy(both, "sell")).toEqual([7n, 9n]);
  expect(shownBy({ connection_point: "p", begin }, "sell")).toBeNull();
});

test("what was found is said in words", () => {
  const fits = { side: "sell", cuts: [], excess_wh: 0 } as unknown as PreparedChallenge;
  expect(verdict(fits).tone).toBe("good");
  const cut = { trade: "t" };
  const more = { side: "sell", cuts: [cut], excess_wh: 4_000 } as unknown as PreparedChallenge;
  expect(verdict(more)).toEqual({ tone: "bad", text: "4 kWh more were reconciled than the meter fed in." });
  expect(verdict({ ...more, side: "buy", excess_wh: 0 }).text).toContain("never had");
});

test("the time that is left ends", () => {
  const now = Date.parse("2026-06-01T08:00:00Z");
  expect(timeLeft("2026-06-03T11:30:00Z", now)).toBe("2 d 3 h");
  expect(timeLeft("2026-06-01T11:20:00Z", now)).toBe("3 h 20 min");
  expect(timeLeft("2026-06-01T08:04:01Z", now)).toBe("5 min");
  expect(timeLeft("2026-06-01T08:00:00Z", now)).toBeNull();
});
