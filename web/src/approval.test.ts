import { expect, test } from "vitest";
import { subjectOf } from "./approval";
import sample from "./order.sample.json";
import type { Approval, OrderTerms } from "./types";

const request: Approval = {
  approval: "a", account: "b", kind: "order", amount: "2500", unit: "EUR", order: sample.order as OrderTerms,
  state: "open", requested_by: "c", requested_at: "2026-06-01T10:00:00Z", expires_at: "2026-06-01T11:00:00Z",
};

test("a request says what it is about", () => {
  expect(subjectOf(request)).toBe("Sell 2.5 kWh, worth $2\u202f500.00");
  const { order: _order, ...rest } = request;
  const to = `0x${"cd".repeat(20)}`;
  const transfer = {
    kind: "transfer", account: "0x", to, amount: "2500", nonce: "0x1", expiry: 1, sender: "0x", link: "0x",
  } as const;
  expect(subjectOf({ ...rest, kind: "request", request: transfer }, () => "Hanna")).toBe(
    `Send $2\u202f500.00 to Hanna (${to})`,
  );
  const mandate = {
    kind: "mandate", account: "0x", delegate: to, policy: "0x", until: 1_811_887_200, buyPriceMax: 250_000,
    sellPriceMin: Number.MAX_SAFE_INTEGER, quantityPerSlot: 2500, quantityPerDay: 240_000, version: 1, expiry: 1_795_000_000,
  } as const;
  expect(subjectOf({ ...rest, kind: "request", request: mandate, amount: "60" })).toMatch(
    /^Let 0xcdcd.+ sign orders: .+240 kWh a day.+25 ct\/kWh.+; worth up to \$60\.00 a day$/,
  );
  const payout = { account: "0x", amount: "20", creditor: "Hanna", iban: "NO93", salt: "0x", expiry: 1 };
  const redemption = { ...rest, kind: "redemption", amount: "20", payout } as const;
  expect(subjectOf(redemption)).toBe("Pay out $20.00 to Hanna, NO93");
  const cash = { token: "0x", market: "0xaa" };
  expect(subjectOf({ ...redemption, payout: { ...payout, cash } }, () => "CHF")).toBe("Pay out 20.00 CHF to Hanna, NO93");
  const back = { ...payout, creditor: "wallet", iban: "" };
  expect(subjectOf({ ...redemption, payout: back })).toBe("Put $20.00 back into the wallet");
  expect(subjectOf({ ...request, kind: "limit" })).toBe("Sign up to 2\u202f500.00 EUR a day");
  expect(subjectOf({ ...request, kind: "limit", unit: "Wh" })).toBe("Sign up to 2500 Wh a day");
});
