import { expect, test } from "vitest";
import { amountError, checkQuote, freeOf, openRates, rateText, secondsLeft } from "./exchange";
import type { Balance, ExchangeRate, Quote, QuoteWish } from "./types";

const OWN = `0x${"Ab".repeat(20)}`;
const DEALER = `0x${"cd".repeat(20)}`;
const FRANCS = `0x${"0f".repeat(20)}`;
const EUROS = `0x${"0e".repeat(20)}`;
const LINK = `0x${"07".repeat(32)}`;
const MARKETS = { from: FRANCS, to: EUROS };

const wish: QuoteWish = { from: "CHF", to: "EUR", amount: "50.00" };
const quote: Quote = {
  quote: LINK, from: "CHF", to: "EUR", given: "50", taken: "52.925531903", rate: 1_063_829_787, spread_bps: 50,
  expires_at: "2026-06-01T10:02:00Z", stands_seconds: 120,
  terms: {
    kind: "exchange", from: FRANCS, to: EUROS, account: OWN, dealer: DEALER, given: "50", taken: "52.925531903",
    expiry: 1_780_308_120, accountNonce: "0x1", dealerNonce: "0x2", dealerSignature: "0x",
  },
  typed_data: {
    types: {}, primaryType: "CashTransfer",
    domain: { name: "Wattex EnergyMarket", version: "1", chainId: 7701, verifyingContract: FRANCS },
    message: {
      account: OWN.toLowerCase(), to: DEALER, amount: "50000000000", nonce: "1", expiry: "1780308120",
      sender: OWN, link: LINK,
    },
  },
};

test("a quote is signed where it is what was asked for", () => {
  expect(checkQuote(quote, wish, OWN, MARKETS)).toBe(quote);
});

test("no other quote is signed", () => {
  const { terms, typed_data } = quote;
  const message = (change: Record<string, string>) => ({
    ...quote, typed_data: { ...typed_data, message: { ...typed_data.message, ...change } },
  });
  const bad: Quote[] = [
    { ...quote, from: "EUR" },
    { ...quote, given: "51" },
    { ...quote, taken: "53" },
    { ...quote, terms: { ...terms, given: "51" } },
    { ...quote, taken: "0", terms: { ...terms, taken: "0" } },
    { ...quote, terms: { ...terms, account: DEALER } },
    { ...quote, terms: { ...terms, to: FRANCS } },
    { ...quote, terms: { ...terms, from: EUROS } },
    { ...quote, quote: `0x${"08".repeat(32)}` },
    { ...quote, typed_data: { ...typed_data, domain: { ...typed_data.domain, verifyingContract: EUROS } } },
    message({ amount: "51000000000" }),
    message({ to: OWN }),
    message({ expiry: "1780308121" }),
  ];
  for (const one of bad) expect(() => checkQuote(one, wish, OWN, MARKETS)).toThrow(/something else/);
  const unknown = { from: FRANCS, to: undefined };
  expect(() => checkQuote(quote, wish, OWN, unknown)).toThrow(/something else/);
});

test("a quote runs out second by second", () => {
  expect(secondsLeft(quote, 5_000, 5_000)).toBe(120);
  expect(secondsLeft(quote, 5_000, 34_500)).toBe(90);
  expect(secondsLeft(quote, 5_000, 125_000)).toBe(0);
  expect(secondsLeft(quote, 5_000, 900_000)).toBe(0);
});

test("a rate is told, and only what is left of it is offered", () => {
  const rate: ExchangeRate = {
    from: "EUR", to: "CHF", rate: 940_000_000, spread_bps: 50, limit: "10", left: "10", at: "2026-06-01T10:00:00Z",
  };
  expect(rateText(rate)).toBe("1 EUR is 0.94 CHF, less 0.5 % for the dealer");
  expect(openRates([rate, { ...rate, left: "0" }])).toEqual([rate]);
});

test("an amount is what one has of its currency", () => {
  const balance: Balance = { currency: "CHF", free: "10", locked: "0", escrow: "0", collateral: "0", total: "10" };
  const free = freeOf([balance], "CHF");
  expect(amountError(10_000_000_000n, free, "CHF")).toBeUndefined();
  expect(amountError(10_000_000_001n, free, "CHF")).toMatch(/only 10.00 CHF/);
  expect(amountError(null, free, "CHF")).toMatch(/such as/);
  expect(freeOf([balance], "EUR")).toBe(0n);
});
