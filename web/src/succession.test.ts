import { expect, test } from "vitest";
import { addressError, checkAddress, firstDay, fromOf, standingAt } from "./succession";
import type { PreparedAddress, TypedData } from "./types";

const FORMER = `0x${"ab".repeat(20)}`;
const NEXT = `0x${"cd".repeat(20)}`;
const FROM = "2026-06-30T22:00:00Z";
const wish = { address: NEXT, from: FROM };

function typed(name: string, message: Record<string, string>): TypedData {
  return { types: {}, primaryType: "", domain: { name, version: "1", chainId: 1, verifyingContract: FORMER }, message };
}

function prepared(change: Partial<PreparedAddress> = {}, message: Record<string, string> = {}): PreparedAddress {
  const said = { account: FORMER, successor: NEXT, from: String(Date.parse(FROM) / 1000), ...message };
  const meter = { meter: "1", serial: "EMH 4711", typed_data: typed("Wattex MeterRegistry", { owner: NEXT }) };
  return {
    address: NEXT, from: FROM, former: FORMER, custody: "own", succession: typed("Wattex Identity", said),
    enrolments: [meter], ...change,
  };
}

test("an address is another one", () => {
  expect(addressError(NEXT, [FORMER])).toBeUndefined();
  expect(addressError(FORMER.toUpperCase().replace("0X", "0x"), [FORMER])).toMatch(/has or had/);
  expect(addressError("heron", [])).toMatch(/0x/);
});

test("it begins with a local day, or as early as can be", () => {
  expect(fromOf("2026-07-01", "Europe/Berlin")).toEqual({ from: FROM });
  expect(fromOf("", "Europe/Berlin")).toEqual({});
  expect(firstDay("2026-06-30T22:30:00Z", "Europe/Berlin")).toBe("2026-07-02");
});

test("where an address stands goes by the moment", () => {
  const at = { address: NEXT, custody: "own", from: FROM, until: "2026-07-31T22:00:00Z" };
  expect(standingAt(at, "2026-06-30T21:59:59Z")[0]).toBe("Next");
  expect(standingAt(at, FROM)[0]).toBe("In force");
  expect(standingAt(at, "2026-07-31T22:00:00Z")[0]).toBe("Over");
  expect(standingAt({ address: FORMER, custody: "own" }, FROM)[0]).toBe("In force");
});

test("nothing else than what was wished is signed", () => {
  expect(checkAddress(prepared(), wish, FORMER).address).toBe(NEXT);
  expect(checkAddress(prepared(), { address: NEXT }, FORMER).from).toBe(FROM);
  const others: PreparedAddress[] = [
    prepared({ address: FORMER }),
    prepared({ from: "2026-07-01T22:00:00Z" }),
    prepared({ former: NEXT }),
    prepared({}, { successor: FORMER }),
    prepared({}, { account: NEXT }),
    prepared({}, { from: "1" }),
    prepared({ succession: typed("Wattex EnergyMarket", prepared().succession.message) }),
    prepared({ enrolments: [{ meter: "1", serial: "", typed_data: typed("Wattex MeterRegistry", { owner: FORMER }) }] }),
  ];
  for (const other of others) expect(() => checkAddress(other, wish, FORMER)).toThrow(/something else/);
});
