import { expect, test } from "vitest";
import { documentError, firstDayError, outcomeText, proposalState } from "./tariff";

test("an open proposal waits for another person", () => {
  expect(proposalState({ state: "open" })[1]).toBe("warn");
  expect(proposalState({ state: "approved" })[0]).toBe("Published");
  expect(proposalState({ state: "expired" })[0]).not.toBe(proposalState({ state: "refused" })[0]);
});

test("a proposal says in a line who would pay more, or why nobody knows", () => {
  const outcome = { dearer: 2, cheaper: 1, difference: "1.96", currency: "EUR" };
  expect(outcomeText({ outcome })).toBe("2 pay more, 1 pay less; all together +1.96 EUR");
  expect(outcomeText({ outcome: { ...outcome, difference: "-0.5" } })).toMatch(/-0\.50|−0\.50/);
  expect(outcomeText({ outcome: { currency: "EUR", not_simulated: "NO_TARIFF" } })).toMatch(/first/);
  const unrated = { currency: "EUR", not_simulated: "TARIFF_UNRATED", why: "No price" };
  expect(outcomeText({ outcome: unrated })).toBe("No price");
});

test("a document is something, and a rate of the database needs its first day", () => {
  expect(documentError(" ")).toBeDefined();
  expect(documentError("{}")).toBeUndefined();
  expect(documentError(" {}".repeat(100_000))).toMatch(/256/);
  expect(firstDayError("urdb", "")).toBeDefined();
  expect(firstDayError("sheet", "")).toBeUndefined();
});
