import { expect, test } from "vitest";
import { newSalt, sealingAt, standingOf, subjectOf } from "./sealing";
import type { Commitment, OrderTerms } from "./types";

const WAITING: Commitment = {
  commitment: `0x${"1".repeat(64)}`, account: "1", slot: "2026-06-01T10:00:00Z",
  committed_at: "2026-06-01T08:45:00Z", status: "waiting", deposited: false, counted: false,
};

test("a salt is 32 bytes, and another each time", () => {
  expect(newSalt()).toMatch(/^0x[0-9a-f]{64}$/);
  expect(newSalt()).not.toBe(newSalt());
});

test("a sealed order says what its account may know of it, and where it stands", () => {
  expect(subjectOf(WAITING)).toBe("Opened by yourself");
  const order = { side: "sell", quantity: 2500, limitPrice: 180_000 } as OrderTerms;
  expect(subjectOf({ ...WAITING, deposited: true, order })).toBe("Sell 2.5 kWh at $0.18");
  expect(standingOf(WAITING)).toEqual(["info", "Sealed"]);
  expect(standingOf({ ...WAITING, status: "refused", refused_with: "FUNDS" })[1]).toContain("FUNDS");
  expect(standingOf({ ...WAITING, status: "expired" })).toEqual(["quiet", "Not opened"]);
  expect(standingOf({ ...WAITING, status: "expired", counted: true })).toEqual(["bad", "Left unopened"]);
});

test("the last choice that has begun holds", () => {
  const choices = [
    { from: "2026-06-01T00:00:00Z", reveal_seconds: 120 }, { from: "2026-06-02T00:00:00Z" },
  ];
  expect(sealingAt(choices, "2026-05-31T23:45:00Z")).toBeUndefined();
  expect(sealingAt(choices, "2026-06-01T00:00:00Z")?.reveal_seconds).toBe(120);
  expect(sealingAt([...choices].reverse(), "2026-06-02T00:00:00Z")?.reveal_seconds).toBeUndefined();
});
