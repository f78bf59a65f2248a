import { expect, test } from "vitest";
import { command, verdict } from "./reserve";
import type { CurrencyReserve } from "./types";

const MARKET = `0x${"22".repeat(20)}`;
const CALL = {
  to: `0x${"11".repeat(20)}`,
  signature: "balanceOf(address)(uint256)",
  arguments: [MARKET],
  data: "0x70a08231",
  answer: "25000000000",
};
const EQUAL: CurrencyReserve = {
  journal: journal(0),
  currency: "EUR",
  token: CALL.to,
  market: MARKET,
  bank: "25",
  supply: "25",
  market_holds: "25",
  owed: "25",
  owed_parts: {
    wallets: "25", locked: "0", escrow: "0", collateral: "0", network_fees: "0", platform_fees: "0", balancing: "0",
    suspense: "0", tokens: "0", payouts: "0",
  },
  equal: true,
  calls: [CALL],
};

function journal(violations: number): CurrencyReserve["journal"] {
  return { entries: 1, head: "0x", checked: { at: "2026-06-01T00:00:00Z", entries: 1, violations } };
}

test("equal figures of a journal in order add up", () => {
  expect(verdict(EQUAL)).toMatchObject({ holds: true, reasons: [] });
  expect(verdict({ ...EQUAL, journal: { entries: 1, head: "0x" } }).holds).toBe(true);
});

test("a difference of one in the last digit is told in full", () => {
  const difference = { supply_bank: "1", bank_owed: "-1234000000000", market_owed: "0" };
  const told = verdict({ ...EQUAL, equal: false, difference });
  expect(told.holds).toBe(false);
  expect(told.text).toBe("It does not add up.");
  expect(told.reasons).toHaveLength(2);
  expect(told.reasons[0]).toMatch(/^There are 0\.000000001 EUR more in tokens/);
  expect(told.reasons[1]).toBe("The bank account has 1\u202f234.00 EUR less than is owed.");
});

test("figures of a journal that breaks its rules do not add up, however equal", () => {
  const told = verdict({ ...EQUAL, journal: journal(1) });
  expect(told.holds).toBe(false);
  expect(told.reasons).toEqual(["The journal breaks a rule of its own: its figures cannot be relied on."]);
  expect(verdict({ ...EQUAL, equal: false }).holds).toBe(false);
});

test("a call can be typed as it was made", () => {
  expect(command(CALL, "0xab", "https://a.example/rpc")).toBe(
    `cast call ${CALL.to} "balanceOf(address)(uint256)" ${MARKET} --block 0xab --rpc-url https://a.example/rpc`,
  );
});
