import { expect, test } from "vitest";
import { cancellationState, causeOf, isCorrected, kindOf, reasonError } from "./correction";

test("a correction says whether there is more or less to pay, and why", () => {
  expect(kindOf({ kind: "credit_note" })).toEqual(["Credit note: less", "good"]);
  expect(kindOf({ kind: "invoice" })[0]).toMatch(/more/);
  expect(causeOf({ cause: "facts" })).toMatch(/Readings/);
  expect(causeOf({ cause: "cancelled" })).not.toBe(causeOf({ cause: "anew" }));
});

test("what is open waits for another person", () => {
  expect(cancellationState({ state: "open" })[1]).toBe("warn");
  expect(cancellationState({ state: "approved" })[0]).toBe("Taken back");
});

test("a bill is corrected where its corrections come to something", () => {
  expect(isCorrected({ corrected: "0" })).toBe(false);
  expect(isCorrected({ corrected: "-0.01" })).toBe(true);
});

test("a reason is something, and not too long", () => {
  expect(reasonError(" ")).toBeDefined();
  expect(reasonError("€".repeat(1000))).toBeUndefined();
  expect(reasonError("€".repeat(1001))).toMatch(/at most 1000/);
});
