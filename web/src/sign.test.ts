import { afterEach, expect, test, vi } from "vitest";
import sample from "./order.sample.json";
import { typedData } from "./order";
import type { Market, OrderTerms, PreparedAddress, PreparedPayout, PreparedRequest } from "./types";

const order = sample.order as OrderTerms;
const market = sample.market as unknown as Market;
const SIGNATURE = `0x${"11".repeat(32)}${"22".repeat(32)}1b`;

/** A wallet at these accounts, on this chain, and what it was asked for. */
function wallet(accounts: string[], chain: number, knows: number[]) {
  const calls: [string, unknown[]][] = [];
  let at = chain;
  const request = async ({ method, params = [] }: { method: string; params?: unknown[] }) => {
    calls.push([method, params]);
    if (method === "eth_requestAccounts") return accounts;
    if (method === "eth_chainId") return `0x${at.toString(16)}`;
    if (method === "wallet_switchEthereumChain") {
      const wanted = Number((params[0] as { chainId: string }).chainId);
      if (!knows.includes(wanted)) throw Object.assign(new Error("unknown chain"), { code: 4902 });
      at = wanted;
      return null;
    }
    return SIGNATURE;
  };
  return { wallet: { request }, calls, methods: () => calls.map(([method]) => method) };
}

// The modules around it speak to a browser.
async function signing() {
  vi.stubGlobal("window", { addEventListener: () => {}, location });
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {}, removeItem: () => {} });
  return import("./sign");
}

const location = { origin: "http://127.0.0.1:8080" };

vi.stubGlobal("location", location);

afterEach(() => vi.unstubAllGlobals());

test("a wallet is shown the order that the server checks", () => {
  expect(typedData(order, market)).toEqual(sample.typed);
});

test("a wallet signs the order on our chain", async () => {
  const { signWith } = await signing();
  const { wallet: own, calls } = wallet([order.account.toUpperCase().replace("0X", "0x")], 7701, []);
  expect(await signWith(own, order, market)).toBe(SIGNATURE);
  const [method, params] = calls.at(-1)!;
  expect(method).toBe("eth_signTypedData_v4");
  expect(params[0]).toBe(order.account);
  expect(JSON.parse(String(params[1]))).toEqual(sample.typed);
});

test("a wallet is moved to our chain, and told of it where it does not know it", async () => {
  const { signWith } = await signing();
  vi.stubGlobal("location", location);
  const known = wallet([order.account], 1, [7701]);
  await signWith(known.wallet, order, market);
  expect(known.methods()).toEqual([
    "eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain", "eth_signTypedData_v4",
  ]);
  const unknown = wallet([order.account], 1, []);
  await signWith(unknown.wallet, order, market);
  expect(unknown.methods()[3]).toBe("wallet_addEthereumChain");
  expect(unknown.calls[3]?.[1]).toMatchObject([
    { chainId: "0x1e15", rpcUrls: ["http://127.0.0.1:8080/rpc"] },
  ]);
});

test("a wallet at another address signs nothing", async () => {
  const { signWith } = await signing();
  const other = wallet([`0x${"00".repeat(20)}`], 7701, []);
  await expect(signWith(other.wallet, order, market)).rejects.toThrow(/another address/);
  expect(other.methods()).toEqual(["eth_requestAccounts"]);
});

test("a wallet signs both requests of a payout on the chain they are for", async () => {
  const { signPayoutWith } = await signing();
  const typed = (primaryType: string) => ({
    types: {}, primaryType, message: {},
    domain: { name: "", version: "1", chainId: 7701, verifyingContract: "0x" },
  });
  const [withdrawal, redemption] = [typed("Withdrawal"), typed("Redemption")];
  const terms = { account: order.account, amount: "5", creditor: "Ada", iban: "DE", salt: "0x", expiry: 9 };
  const prepared = { terms, withdrawal, redemption } as unknown as PreparedPayout;
  const own = wallet([order.account], 1, [7701]);
  expect(await signPayoutWith(own.wallet, prepared)).toEqual({ withdrawal: SIGNATURE, redemption: SIGNATURE });
  const signed = own.calls.filter(([method]) => method === "eth_signTypedData_v4");
  expect(signed.map(([, params]) => JSON.parse(String(params[1])))).toEqual([withdrawal, redemption]);
  expect(own.methods().slice(0, 3)).toEqual([
    "eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain",
  ]);
});

test("what is outside of trading is signed once, and nothing leaves trading by it", async () => {
  const { signPayout } = await signing();
  const redemption = {
    types: {}, primaryType: "Redemption", message: {},
    domain: { name: "Wattex SettlementToken", version: "1", chainId: 7701, verifyingContract: "0x" },
  };
  const terms = { account: order.account, amount: "5", creditor: "wallet", iban: "", salt: "0x", expiry: 9 };
  const prepared = { terms, redemption } as unknown as PreparedPayout;
  const own = wallet([order.account], 7701, []);
  window.ethereum = own.wallet;
  expect(await signPayout(prepared, "own")).toEqual({ redemption: SIGNATURE });
  expect(own.methods().filter((method) => method === "eth_signTypedData_v4")).toHaveLength(1);
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push([path, JSON.parse(String(init.body))]);
    return Response.json({ redemption: "0x11" });
  });
  expect(await signPayout(prepared, "held")).toEqual({ redemption: "0x11" });
  expect(asked).toEqual([["/v1/signatures/redemption", terms]]);
});

test("a wallet signs a transfer or a mandate as it was prepared", async () => {
  const { signRequest } = await signing();
  const typed_data = {
    types: {}, primaryType: "Mandate", message: {},
    domain: { name: "Wattex TradingMandate", version: "1", chainId: 7701, verifyingContract: "0x" },
  };
  const prepared = { terms: { kind: "mandate", account: order.account }, typed_data } as unknown as PreparedRequest;
  const own = wallet([order.account], 1, [7701]);
  window.ethereum = own.wallet;
  expect(await signRequest(prepared, "own")).toBe(SIGNATURE);
  expect(own.methods().slice(0, 3)).toEqual([
    "eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain",
  ]);
  expect(JSON.parse(String(own.calls.at(-1)![1][1]))).toEqual(typed_data);
});

test("the operator signs for a held key, or waits for consent", async () => {
  const { signRequest } = await signing();
  const terms = { kind: "transfer", account: order.account, amount: "5" };
  const prepared = { terms, typed_data: {} } as unknown as PreparedRequest;
  const answers = [
    Response.json({ hash: "0x", signature: "0x11" }),
    Response.json({ approval: "a", kind: "request" }, { status: 202 }),
  ];
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push([path, JSON.parse(String(init.body))]);
    return answers.shift();
  });
  expect(await signRequest(prepared, "held")).toBe("0x11");
  expect(await signRequest(prepared, "held")).toMatchObject({ approval: "a" });
  expect(asked[0]).toEqual(["/v1/signatures/request", terms]);
});

test("a key is proved by the message that the server made, and the origin is told", async () => {
  const { proveKey } = await signing();
  vi.stubGlobal("location", location);
  const message = "127.0.0.1:8080 wants you to sign in with your Ethereum account:\n…";
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push([path, JSON.parse(String(init.body))]);
    return Response.json({ nonce: "abc", message }, { status: 201 });
  });
  const own = wallet([order.account], 1, []);
  expect(await proveKey(own.wallet)).toEqual({
    address: order.account, nonce: "abc", message, signature: SIGNATURE,
  });
  expect(asked).toEqual([["/v1/challenges", { address: order.account, origin: location.origin }]]);
  const [method, params] = own.calls.at(-1)!;
  expect([method, params[1]]).toEqual(["personal_sign", order.account]);
  const bytes = String(params[0]).slice(2).match(/../g)!.map((pair) => Number.parseInt(pair, 16));
  expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(message);
});

test("two addresses sign for the next one, each with the wallet at it", async () => {
  const { signAsNext, signAsFormer } = await signing();
  const [former, next] = [`0x${"ab".repeat(20)}`, `0x${"cd".repeat(20)}`];
  const domain = { name: "", version: "1", chainId: 7701, verifyingContract: former };
  const typed = (primaryType: string) => ({ types: {}, primaryType, domain, message: {} });
  const meters = ["1", "2"].map((meter) => ({ meter, serial: "", typed_data: typed(`Enrolment ${meter}`) }));
  const prepared: PreparedAddress = {
    address: next, from: "2026-06-30T22:00:00Z", former, custody: "own", succession: typed("Succession"), enrolments: meters,
  };
  const there = wallet([next], 7701, []);
  const signed = await signAsNext(prepared, there.wallet);
  expect(signed).toEqual({
    address: next, signature: SIGNATURE, enrolments: meters.map(({ meter }) => ({ meter, owner_signature: SIGNATURE })),
  });
  const shown = there.calls.filter(([method]) => method === "eth_signTypedData_v4");
  expect(shown.map(([, [at, data]]) => [at, JSON.parse(String(data)).primaryType])).toEqual([
    [next, "Succession"], [next, "Enrolment 1"], [next, "Enrolment 2"],
  ]);
  await expect(signAsFormer(prepared, there.wallet)).rejects.toThrow(former);
  expect(await signAsFormer(prepared, wallet([former], 7701, []).wallet)).toBe(SIGNATURE);
});
