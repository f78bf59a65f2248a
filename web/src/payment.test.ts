import { expect, test } from "vitest";
import { mayAssign, reasonOf } from "./payment";

test("what came in can be credited, in the currency of the bank account alone", () => {
  expect(mayAssign({ side: "credit", reason: "NO_REFERENCE" })).toBe(true);
  expect(mayAssign({ side: "credit", reason: "PAYOUT_AMOUNT" })).toBe(true);
  expect(mayAssign({ side: "credit", reason: "CURRENCY" })).toBe(false);
  expect(mayAssign({ side: "debit", reason: "PAYOUT_AMOUNT" })).toBe(false);
});

test("a reason is told in words, an unknown one as it is", () => {
  expect(reasonOf({ reason: "AMBIGUOUS" })).toBe("It says the references of several wallets.");
  expect(reasonOf({ reason: "NEW" })).toBe("NEW");
});
