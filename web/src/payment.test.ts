import { expect, test } from "vitest";
import { mayAssign, mayBeFor, reasonOf } from "./payment";

test("what came in can be credited, in the currency of the bank account alone", () => {
  expect(mayAssign({ side: "credit", reason: "NO_REFERENCE" })).toBe(true);
  expect(mayAssign({ side: "credit", reason: "PAYOUT_AMOUNT" })).toBe(true);
  expect(mayAssign({ side: "credit", reason: "CURRENCY" })).toBe(false);
  expect(mayAssign({ side: "debit", reason: "PAYOUT_AMOUNT" })).toBe(false);
});

test("a reason is told in words, an unknown one as it is", () => {
  expect(reasonOf({ reason: "AMBIGUOUS" })).toBe("It says the references of several wallets or bills.");
  expect(reasonOf({ reason: "NEW" })).toBe("NEW");
});

test("a payment may be for the bill whose number it says, or that leaves just as much", () => {
  const bill = { number: "INV-2026-7", left: "63.20" };
  expect(mayBeFor({ amount: "5", remittance: "thanks, inv-2026-7 and more" }, bill)).toBe(true);
  expect(mayBeFor({ amount: "5", remittance: "INV-2026-70" }, bill)).toBe(false);
  expect(mayBeFor({ amount: "5", remittance: "INV-2026-70, INV-2026-7" }, bill)).toBe(true);
  expect(mayBeFor({ amount: "63.2", remittance: "" }, bill)).toBe(true);
  expect(mayBeFor({ amount: "63.21", remittance: "June" }, bill)).toBe(false);
});
