import { expect, test } from "vitest";
import { checkPayout, destinationOf, duration, spaced } from "./payout";
import type { PreparedPayout, TypedData } from "./types";

test("a delay is told in whole units, never too short", () => {
  const told: [number, string][] = [
    [0, "1 minute"], [60, "1 minute"], [61, "2 minutes"], [3600, "60 minutes"], [3601, "2 hours"],
    [86_400, "24 hours"], [3 * 86_400, "3 days"],
  ];
  for (const [seconds, words] of told) expect(duration(seconds)).toBe(words);
});

test("an account number is printed in groups of four", () => {
  expect(spaced("NO9386011117947")).toBe("NO93 8601 1117 947");
  expect(spaced("GB82WEST12345698765432")).toBe("GB82 WEST 1234 5698 7654 32");
});

test("a payout goes to a bank account, or back into the wallet", () => {
  expect(destinationOf({ creditor: "Hanna", iban: "NO9386011117947" })).toBe("Hanna, NO93 8601 1117 947");
  expect(destinationOf({ creditor: "wallet", iban: "" })).toBe("Your wallet, to trade with");
});

const OWN = `0x${"Ab".repeat(20)}`;
const EURO = { code: "EUR", token: `0x${"61".repeat(20)}`, market: `0x${"62".repeat(20)}`, traded: true };
const FRANC = { code: "CHF", token: `0x${"71".repeat(20)}`, market: `0x${"72".repeat(20)}`, traded: false };
const wish = { amount: "25.5", creditor: "Hanna Heron", iban: "no93 8601 1117 947" };

/** What the server prepares for the wish, in a currency. */
function prepared(of: typeof EURO): PreparedPayout {
  const typed = (contract: string, more: Record<string, string> = {}): TypedData => ({
    types: {}, primaryType: "", domain: { name: "", version: "1", chainId: 7701, verifyingContract: contract },
    message: { account: OWN.toLowerCase(), amount: "25500000000", ...more },
  });
  const terms = { account: OWN, amount: "25.50", creditor: "Hanna Heron", iban: "NO9386011117947", salt: "0x", expiry: 9 };
  const cash = of.traded ? {} : { cash: { token: of.token, market: of.market } };
  return {
    terms: { ...terms, ...cash }, destination: "0xdd", nonce: "0x1", currency: of.code, fee: "0", delay_seconds: 60,
    withdrawal: typed(of.market), redemption: typed(of.token, { destination: "0xdd" }),
  };
}

test("a payout is signed where it is what was wished, of its own currency", () => {
  for (const unit of [EURO, FRANC]) {
    const right = prepared(unit);
    expect(checkPayout(right, wish, OWN.toLowerCase(), unit)).toBe(right);
  }
  const { withdrawal: _withdrawal, ...rest } = prepared(FRANC);
  const back = { ...rest, terms: { ...rest.terms, creditor: "wallet", iban: "" } };
  expect(checkPayout(back, { amount: "25.50", outside: true }, OWN, FRANC)).toBe(back);
});

test("no other payout is signed", () => {
  const changes: ((of: PreparedPayout) => unknown)[] = [
    (of) => (of.terms.amount = "255"),
    (of) => (of.terms.account = EURO.token),
    (of) => (of.terms.iban = "DE89370400440532013000"),
    (of) => (of.terms.creditor = "Somebody Else"),
    (of) => delete of.terms.cash,
    (of) => (of.terms.cash!.token = EURO.token),
    (of) => delete of.withdrawal,
    (of) => (of.withdrawal!.domain.verifyingContract = EURO.market),
    (of) => (of.withdrawal!.message.amount = "255000000000"),
    (of) => (of.redemption.domain.verifyingContract = FRANC.market),
    (of) => (of.redemption.message.destination = "0xde"),
    (of) => (of.redemption.message.account = EURO.token),
  ];
  for (const change of changes) {
    const other = prepared(FRANC);
    change(other);
    expect(() => checkPayout(other, wish, OWN, FRANC), String(change)).toThrow(/another payout/);
  }
  expect(() => checkPayout(prepared(FRANC), wish, OWN, EURO)).toThrow(/another payout/);
  expect(() => checkPayout(prepared(EURO), wish, OWN, FRANC)).toThrow(/another payout/);
});
