import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PayoutSignatures, TransferTerms } from "./types";

const requests: [string, RequestInit][] = [];
let answer: () => Response;

// The modules around it speak to a browser.
beforeEach(() => {
  const kept = JSON.stringify({ access: "token", refresh: "other" });
  vi.stubGlobal("window", { addEventListener: () => {} });
  vi.stubGlobal("localStorage", { getItem: () => kept, setItem: () => {}, removeItem: () => {} });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    requests.push([path, init]);
    return answer();
  });
});

afterEach(() => {
  requests.length = 0;
  vi.unstubAllGlobals();
});

test("the journal of a slot is fetched with the token, as it is", async () => {
  const api = await import("./api");
  answer = () => new Response('{"chain_id":7701}');
  const file = await api.slotJournal("2026-06-01T10:00:00Z");
  expect(await file.text()).toBe('{"chain_id":7701}');
  const [path, { method, headers }] = requests[0]!;
  expect([method, path]).toEqual(["GET", "/v1/slots/2026-06-01T10:00:00Z/journal"]);
  expect(headers).toMatchObject({ Authorization: "Bearer token" });
});

test("a mechanism is chosen for the zone that is named", async () => {
  const api = await import("./api");
  answer = () => Response.json({});
  await api.chooseMechanism("2026-06-01T10:00:00Z", { name: "fixed_price", price: "0.18" }, "north");
  const [path, { method, body }] = requests[0]!;
  expect([method, path]).toEqual(["PUT", "/v1/mechanisms/2026-06-01T10:00:00Z?zone=north"]);
  expect(JSON.parse(body as string)).toEqual({ name: "fixed_price", price: "0.18" });
});

test("a signed request is sent under its own name, and a rule to its place", async () => {
  const api = await import("./api");
  answer = () => Response.json({});
  const terms = { kind: "transfer", amount: "5", nonce: "0x1" } as TransferTerms;
  await api.submitRequest(terms, "0x11", "transfer 0x1");
  const [path, { method, body, headers }] = requests[0]!;
  expect([method, path]).toEqual(["POST", "/v1/requests"]);
  expect(JSON.parse(body as string)).toEqual({ terms, signature: "0x11" });
  expect(headers).toMatchObject({ "Idempotency-Key": "transfer 0x1" });
  await api.setRule("home", "buy", { limit_price: 1, min_fill_wh: 0 }, "north");
  expect([requests[1]![1].method, requests[1]![0]]).toEqual(["PUT", "/v1/rules/home/buy?zone=north"]);
});

test("a payout is asked for at the address that it was prepared for", async () => {
  const api = await import("./api");
  answer = () => Response.json({});
  const wish = { amount: "5", outside: true };
  await api.preparePayout(wish, "0x01");
  const terms = { account: "0x01", amount: "5", creditor: "wallet", iban: "", salt: "0x2", expiry: 9 };
  await api.requestPayout(terms, { redemption: "0x11" } as PayoutSignatures);
  expect(requests.map(([path]) => path)).toEqual(["/v1/payouts/prepare?address=0x01", "/v1/payouts?address=0x01"]);
});

test("what answers with nothing is read as nothing", async () => {
  const api = await import("./api");
  answer = () => new Response(null, { status: 204 });
  await api.endRule("home", "sell");
  await api.startTrading({ zone: "north" });
  expect(requests.map(([path, { method }]) => [method, path])).toEqual([
    ["DELETE", "/v1/rules/home/sell"], ["DELETE", "/v1/stop?zone=north"],
  ]);
});

test("a refused choice is told by its title", async () => {
  const api = await import("./api");
  const title = "the books of slots that would change are open already";
  answer = () => Response.json({ status: 422, code: "BOOK_OPEN", title }, { status: 422 });
  await expect(api.chooseMechanism("2026-06-01T10:00:00Z", { name: "muda" })).rejects.toThrow(title);
});
