import { expect, test } from "vitest";
import { amountIn } from "./currency";
import { MONEY_SCALE } from "./format";
import { endOf } from "./grant";
import {
  checkPrepared, isExact, keyOf, recipientError, requestText, transferError,
} from "./request";
import type {
  CancellationTerms, CancellationWish, CertificateTransferTerms, CertificateTransferWish, CurrencyTransferTerms, MandateTerms, MandateWish, PreparedRequest, RequestTerms,
  RetirementTerms, RetirementWish, TransferTerms, TransferWish,
} from "./types";

const OWN = `0x${"Ab".repeat(20)}`;
const OTHER = `0x${"cd".repeat(20)}`;
const POLICY = `0x${"04".repeat(32)}`;
const ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051";

const transfer: TransferTerms = {
  kind: "transfer", account: OWN, to: OTHER, amount: "12.5", nonce: "0xff", expiry: 1_800_000_000,
  sender: `0x${"0".repeat(40)}`, link: `0x${"0".repeat(64)}`,
};
const mandate: MandateTerms = {
  kind: "mandate", account: OWN, delegate: OTHER, policy: POLICY, until: 1_800_000_000, buyPriceMax: 250_000,
  sellPriceMin: 80_000, quantityPerSlot: 2500, quantityPerDay: 240_000, version: 3, expiry: 1_795_000_000,
};
const send: TransferWish = { kind: "transfer", to: OTHER, amount: "12.50" };
const grant: MandateWish = {
  kind: "mandate", delegate: OTHER, policy: POLICY, until: "2027-01-15T08:00:00Z", buy_price_max: 250_000,
  sell_price_min: 80_000, quantity_per_slot: 2500, quantity_per_day: 240_000,
};

const FRANC = { code: "CHF", token: `0x${"71".repeat(20)}`, market: `0x${"72".repeat(20)}`, traded: false };
const francs: CurrencyTransferTerms = { ...transfer, kind: "currency_transfer", market: FRANC.market };

const NUMBER = `0x${"0a".repeat(32)}`;
const gift: CertificateTransferTerms = {
  kind: "certificate_transfer", account: OWN, to: OTHER, certificate: NUMBER, amount: "0xfa", nonce: "0xff",
  expiry: 1_800_000_000,
};
const retirement: RetirementTerms = {
  kind: "certificate_retirement", account: OWN, certificate: NUMBER, amount: "0xfa", beneficiary: "Bäckerei Weber",
  nonce: "0xff", expiry: 1_800_000_000,
};
const give: CertificateTransferWish = { kind: "certificate_transfer", to: OTHER, certificate: NUMBER, wh: 250 };
const retire: RetirementWish = {
  kind: "certificate_retirement", certificate: NUMBER, wh: 250, beneficiary: "Bäckerei Weber",
};

const end: CancellationTerms = { kind: "cancellation", account: OWN, nonces: ["0xff", `0x${"ab".repeat(32)}`] };
const stop: CancellationWish = { kind: "cancellation", nonces: ["0xff", `0x${"ab".repeat(32)}`] };

/** As the server prepares it: addresses in the one case, numbers in decimal, money in 1e-9. */
function prepared(terms: RequestTerms): PreparedRequest {
  const { kind, ...fields } = terms;
  const written = Object.entries(fields).filter(([name]) => name !== "market").map(([name, value]) => {
    if (name === "amount" && kind.endsWith("transfer") && !kind.startsWith("certificate")) return [name, "12500000000"];
    if (name === "beneficiary") return [name, value];
    if (Array.isArray(value)) return [name, value.map((one) => BigInt(one).toString())];
    if (["amount", "certificate", "nonce"].includes(name)) return [name, BigInt(value).toString()];
    return [name, String(value).toLowerCase()];
  });
  const domain = { name: "", version: "1", chainId: 7701, verifyingContract: "market" in terms ? terms.market : OTHER };
  const primaryType = kind;
  return { terms, typed_data: { types: {}, primaryType, domain, message: Object.fromEntries(written) } };
}

test("what was prepared is signed where it is what was wished", () => {
  expect(checkPrepared(prepared(transfer), send, OWN).terms).toBe(transfer);
  expect(checkPrepared(prepared(transfer), { ...send, to: ID }, OWN.toLowerCase()).terms).toBe(transfer);
  expect(checkPrepared(prepared(mandate), grant, OWN).terms).toBe(mandate);
  const ended = { ...mandate, until: 0, buyPriceMax: 0, sellPriceMin: Number.MAX_SAFE_INTEGER, quantityPerSlot: 0, quantityPerDay: 0 };
  expect(checkPrepared(prepared(ended), endOf(OTHER, POLICY), OWN).terms).toBe(ended);
});

test("nothing else is signed", () => {
  const changes: Partial<TransferTerms>[] = [{ to: OWN }, { amount: "12.500000001" }, { account: OTHER }];
  for (const change of changes) {
    expect(() => checkPrepared(prepared({ ...transfer, ...change }), send, OWN)).toThrow(/something else/);
  }
  const more: Partial<MandateTerms>[] = [
    { delegate: OWN }, { policy: `0x${"05".repeat(32)}` }, { until: 0 }, { buyPriceMax: 250_001 }, { sellPriceMin: 79_999 },
    { quantityPerSlot: 2501 }, { quantityPerDay: 240_001 },
  ];
  for (const change of more) {
    expect(() => checkPrepared(prepared({ ...mandate, ...change }), grant, OWN)).toThrow(/something else/);
  }
  expect(() => checkPrepared(prepared(transfer), grant, OWN)).toThrow(/something else/);
});

test("orders are ended by the nonces that were asked for, and by no others", () => {
  expect(checkPrepared(prepared(end), stop, OWN).terms).toBe(end);
  for (const nonces of [["0xff"], [...end.nonces].reverse(), [...end.nonces, "0x1"], []]) {
    expect(() => checkPrepared(prepared({ ...end, nonces }), stop, OWN)).toThrow(/something else/);
  }
  const shown = prepared(end);
  Object.assign(shown.typed_data.message, { nonces: ["255", "1"] });
  expect(() => checkPrepared(shown, stop, OWN)).toThrow(/something else/);
  expect(keyOf(end)).not.toBe(keyOf(end));
  expect(keyOf(end).length).toBeLessThan(100);
  expect(requestText(end)).toBe("End 2 orders on chain");
});

test("money of another currency is signed for that currency's market alone", () => {
  const wish = { ...send, currency: "CHF" };
  expect(checkPrepared(prepared(francs), wish, OWN, FRANC.market).terms).toBe(francs);
  const elsewhere = prepared(francs);
  elsewhere.typed_data.domain.verifyingContract = OTHER;
  const wrong: [PreparedRequest, TransferWish, string | undefined][] = [
    [elsewhere, wish, FRANC.market],
    [prepared({ ...francs, market: OTHER }), wish, FRANC.market],
    [prepared(transfer), wish, FRANC.market],
    [prepared(francs), send, FRANC.market],
    [prepared(francs), wish, undefined],
    [prepared({ ...francs, amount: "12.6" }), wish, FRANC.market],
    [prepared(transfer), send, FRANC.market],
  ];
  for (const [given, wanted, market] of wrong) {
    expect(() => checkPrepared(given, wanted, OWN, market)).toThrow(/something else/);
  }
});

test("what was prepared of a certificate is signed where it is what was wished", () => {
  expect(checkPrepared(prepared(gift), give, OWN).terms).toBe(gift);
  expect(checkPrepared(prepared(gift), { ...give, to: ID }, OWN).terms).toBe(gift);
  expect(checkPrepared(prepared(retirement), retire, OWN).terms).toBe(retirement);
  const changes: Partial<CertificateTransferTerms>[] = [
    { to: OWN }, { amount: "0xfb" }, { certificate: "0x0b" }, { account: OTHER },
  ];
  for (const change of changes) {
    expect(() => checkPrepared(prepared({ ...gift, ...change }), give, OWN)).toThrow(/something else/);
  }
  const more: Partial<RetirementTerms>[] = [{ beneficiary: "Weber" }, { amount: "0xfb" }, { certificate: "0x0b" }];
  for (const change of more) {
    expect(() => checkPrepared(prepared({ ...retirement, ...change }), retire, OWN)).toThrow(/something else/);
  }
  expect(() => checkPrepared(prepared(gift), retire, OWN)).toThrow(/something else/);
  const other = prepared(retirement);
  other.typed_data.message.beneficiary = "bäckerei weber";
  expect(() => checkPrepared(other, retire, OWN)).toThrow(/something else/);
});

test("a wallet is shown the same terms, all of them", () => {
  for (const [name, value] of [["to", OWN], ["amount", "12500000001"], ["nonce", "254"], ["expiry", "soon"]] as const) {
    const other = prepared(transfer);
    other.typed_data.message[name] = value;
    expect(() => checkPrepared(other, send, OWN), name).toThrow(/something else/);
    delete other.typed_data.message[name];
    expect(() => checkPrepared(other, send, OWN), name).toThrow(/something else/);
  }
});

test("numbers that JSON has rounded are not signed", () => {
  const all = JSON.parse('{"sellPriceMin":18446744073709551615}') as { sellPriceMin: number };
  expect(isExact(mandate)).toBe(true);
  expect(isExact({ ...mandate, ...all })).toBe(false);
  const wish = { ...grant, sell_price_min: all.sellPriceMin };
  expect(() => checkPrepared(prepared({ ...mandate, ...all }), wish, OWN)).toThrow(/something else/);
});

test("a recipient is somebody else's address or id", () => {
  const own = { account: ID, address: OWN };
  for (const good of [OTHER, ` ${OTHER.toUpperCase().replace("0X", "0x")} `, ID.replace("0190", "0191")]) {
    expect(recipientError(good, own), good).toBeUndefined();
  }
  for (const mine of [OWN.toLowerCase(), ID.toUpperCase()]) expect(recipientError(mine, own)).toMatch(/your own/);
  for (const bad of ["", "0x12", `${OTHER}00`, "heron@example.org", ID.slice(1)]) {
    expect(recipientError(bad, own), bad).toMatch(/^Enter/);
  }
});

test("more than is free is not sent", () => {
  const of = (amount: bigint | null, left: bigint | undefined) =>
    transferError(amount, left, (free) => amountIn(FRANC, free, MONEY_SCALE));
  expect(of(null, 5n)).toMatch(/^Enter/);
  expect(of(0n, 5n)).toMatch(/^Enter/);
  expect(of(12_500_000_000n, 12_500_000_000n)).toBeUndefined();
  expect(of(12_500_000_001n, 12_500_000_000n)).toBe("You have only 12.50 CHF free.");
  expect(of(1n, undefined)).toBeUndefined();
});

test("a request has one name, however often it is sent", () => {
  expect(keyOf(transfer)).toBe("transfer 0xff");
  expect(keyOf(mandate)).toBe(`mandate ${OTHER} 3`);
  expect(keyOf(gift)).toBe("certificate_transfer 0xff");
  expect(keyOf(retirement)).toBe("certificate_retirement 0xff");
  const longest = keyOf({ ...retirement, nonce: `0x${"f".repeat(64)}` });
  expect(longest.length).toBeLessThanOrEqual(120);
});

test("a request says what it is about", () => {
  expect(requestText(transfer)).toBe(`Send $12.50 to ${OTHER}`);
  expect(requestText(transfer, (address) => (address === OTHER ? "Hanna" : undefined))).toBe(`Send $12.50 to Hanna (${OTHER})`);
  expect(requestText(francs)).toBe(`Send 12.50 of the currency at ${FRANC.market} to ${OTHER}`);
  expect(requestText(francs, (at) => (at === FRANC.market ? "CHF" : undefined))).toBe(`Send 12.50 CHF to ${OTHER}`);
  expect(requestText(gift)).toBe(`Give 250 Wh of a certificate to ${OTHER}`);
  expect(requestText(retirement)).toBe("Retire 250 Wh of a certificate for Bäckerei Weber");
  expect(requestText({ ...mandate, until: 0 })).toBe(`End the mandate of ${OTHER}`);
  expect(requestText(mandate)).toMatch(/^Let 0xcdcd.+ sign orders: at most 2\.5 kWh in a slot and 240 kWh a day of each side/);
});
