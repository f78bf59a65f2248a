import { expect, test } from "vitest";
import { amountOf, leftOf, limitError } from "./limit";
import type { SigningLimit } from "./types";

const limit = (change: Partial<SigningLimit>): SigningLimit => ({
  account: "1", unit: "CHF", daily: "100", signed_today: "40.5", approval_above: "10", ...change,
});

test("what is left is counted in its unit and never below nothing", () => {
  expect(amountOf(leftOf(limit({})), "CHF")).toBe("59.50 CHF");
  expect(amountOf(leftOf(limit({ unit: "EUR" })), "EUR", "$")).toBe("$59.50");
  expect(leftOf(limit({ unit: "Wh", daily: "5000", signed_today: "4500" }))).toBe(500n);
  expect(amountOf(500n, "Wh")).toBe("500 Wh");
  expect(leftOf(limit({ signed_today: "101" }))).toBe(0n);
});

test("money may have decimals, certified energy has none", () => {
  expect(limitError("20000.50", "CHF")).toBeUndefined();
  expect(limitError("5000", "Wh")).toBeUndefined();
  for (const [text, unit] of [["", "CHF"], ["x", "CHF"], ["0.5", "Wh"], ["-1", "Wh"], ["", "Wh"]] as const) {
    expect(limitError(text, unit), text).toBeDefined();
  }
});
