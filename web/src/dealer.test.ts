import { expect, test } from "vitest";
import { REASON_MAX, transferState, wishErrors } from "./dealer";

test("every state has its words", () => {
  const states = ["open", "refused", "approved", "sent", "done", "failed"];
  const texts = states.map((state) => transferState({ state })[0]);
  expect(new Set(texts).size).toBe(states.length);
  expect(transferState({ state: "open" })[1]).toBe("warn");
});

test("a transfer is of something, to somebody, for a reason", () => {
  const wish = { account: "1", amount: "12.50", reason: "The dealer's margin of May" };
  expect(wishErrors(wish)).toEqual({ account: undefined, amount: undefined, reason: undefined });
  for (const amount of ["", "0", "-1", "x", "1.0000000001"]) {
    expect(wishErrors({ ...wish, amount }).amount, amount).toBeDefined();
  }
  expect(wishErrors({ ...wish, account: "" }).account).toBeDefined();
  expect(wishErrors({ ...wish, reason: " " }).reason).toBeDefined();
  expect(wishErrors({ ...wish, reason: "ä".repeat(REASON_MAX) }).reason).toBeUndefined();
  expect(wishErrors({ ...wish, reason: "ä".repeat(REASON_MAX + 1) }).reason).toBeDefined();
});
