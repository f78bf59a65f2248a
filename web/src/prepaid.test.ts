import { expect, test } from "vitest";
import { NEXT, lastsText, prepaidState } from "./prepaid";

test("how long a balance lasts is said in days and hours", () => {
  expect(lastsText(undefined)).toBe("Does not run out");
  expect(lastsText(0)).toBe("0 hours");
  expect(lastsText(1)).toBe("1 hour");
  expect(lastsText(24)).toBe("1 day");
  expect(lastsText(51)).toBe("2 days and 3 hours");
  expect(lastsText(24 * 40 + 5)).toBe("40 days");
});

test("each state is said in words, and what happens next", () => {
  expect(prepaidState("active")).toEqual(["Enough", "good"]);
  expect(prepaidState("emergency")[1]).toBe("bad");
  expect(NEXT.active(3, "5.00")).toContain("less than 3 days");
  expect(NEXT.low(3, "5.00 EUR")).toContain("5.00 EUR");
  for (const state of ["active", "low", "emergency", "suspended"] as const) {
    expect(NEXT[state](3, "5")).not.toBe("");
  }
});
