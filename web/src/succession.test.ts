import { expect, test } from "vitest";
import { type Known, addressError, checkAddress, firstDay, fromOf, standingAt } from "./succession";
import type { PreparedAddress, TypedData } from "./types";

const FORMER = `0x${"ab".repeat(20)}`;
const NEXT = `0x${"cd".repeat(20)}`;
const FROM = "2026-06-30T22:00:00Z";
const wish = { address: NEXT, from: FROM };

const METER = "0b1c2d3e-0000-4000-8000-000000000001";
const POINT = "0b1c2d3e-0000-4000-8000-000000000002";
const MARKET = `0x${"11".repeat(20)}`;
const REGISTRY = `0x${"22".repeat(20)}`;
const KEY = `0x${"33".repeat(20)}`;
const known: Known = {
  chain: 7, market: MARKET, registry: REGISTRY, meters: [{ meter: METER, key: KEY, connection_point: POINT }],
};
const word = (id: string) => `0x${id.replaceAll("-", "")}${"0".repeat(32)}`;
const fieldsOf = (text: string) => text.split(",").map((one) => ({ type: one.split(" ")[0]!, name: one.split(" ")[1]! }));
const DOMAIN = fieldsOf("string name,string version,uint256 chainId,address verifyingContract");
const SUCCESSION = fieldsOf("address account,address successor,uint64 from");
const ENROLMENT = fieldsOf(
  "bytes32 meter,address key,address owner,address installer,bytes32 connectionPoint,uint32 version",
);

function succession(message: Record<string, string> = {}): TypedData {
  return {
    types: { EIP712Domain: DOMAIN, Succession: SUCCESSION },
    primaryType: "Succession",
    domain: { name: "Wattex Identity", version: "1", chainId: 7, verifyingContract: MARKET },
    message: { account: FORMER, successor: NEXT, from: String(Date.parse(FROM) / 1000), ...message },
  };
}

function enrolment(message: Record<string, unknown> = {}): TypedData {
  const said = {
    meter: word(METER), key: KEY, owner: NEXT, installer: MARKET, connectionPoint: word(POINT), version: 2, ...message,
  };
  return {
    types: { EIP712Domain: DOMAIN, Enrolment: ENROLMENT },
    primaryType: "Enrolment",
    domain: { name: "Wattex MeterRegistry", version: "1", chainId: 7, verifyingContract: REGISTRY },
    message: said as unknown as Record<string, string>,
  };
}

const enrolled = (typed_data: TypedData, meter = METER) => ({ enrolments: [{ meter, serial: "EMH 4711", typed_data }] });

function prepared(change: Partial<PreparedAddress> = {}, message: Record<string, string> = {}): PreparedAddress {
  return {
    address: NEXT, from: FROM, former: FORMER, custody: "own", succession: succession(message), ...enrolled(enrolment()),
    ...change,
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
  expect(checkAddress(prepared(), wish, FORMER, known).address).toBe(NEXT);
  expect(checkAddress(prepared(), { address: NEXT }, FORMER, known).from).toBe(FROM);
  const good = succession();
  const others: PreparedAddress[] = [
    prepared({ address: FORMER }),
    prepared({ from: "2026-07-01T22:00:00Z" }),
    prepared({ former: NEXT }),
    prepared({}, { successor: FORMER }),
    prepared({}, { account: NEXT }),
    prepared({}, { from: "1" }),
    prepared({ succession: { ...good, domain: { ...good.domain, name: "Wattex EnergyMarket" } } }),
    prepared({ succession: { ...good, domain: { ...good.domain, chainId: 1 } } }),
    prepared({ succession: { ...good, domain: { ...good.domain, verifyingContract: REGISTRY } } }),
    prepared({ succession: { ...good, primaryType: "Order" } }),
    prepared({ succession: { ...good, types: { ...good.types, Succession: SUCCESSION.slice(1) } } }),
    prepared(enrolled({ ...enrolment(), primaryType: "Order" })),
    prepared(enrolled({ ...enrolment(), domain: { ...enrolment().domain, verifyingContract: MARKET } })),
    prepared(enrolled(enrolment(), POINT)),
    prepared(enrolled(enrolment({ owner: FORMER }))),
    prepared(enrolled(enrolment({ key: FORMER }))),
    prepared(enrolled(enrolment({ meter: word(POINT) }))),
    prepared(enrolled(enrolment({ connectionPoint: word(METER) }))),
    prepared(enrolled(enrolment({ installer: "" }))),
    prepared(enrolled(enrolment({ version: 0 }))),
  ];
  for (const other of others) expect(() => checkAddress(other, wish, FORMER, known)).toThrow(/something else/);
});
