import { expect, test } from "vitest";
import { ENDED_MAX, endable, withdrawable } from "./cancel";
import type { AccountRequest, Commitment, Order } from "./types";

const NOW = "2026-06-01T10:00:00Z";
const OWN = `0x${"ab".repeat(20)}`;
const NEXT = `0x${"cd".repeat(20)}`;
const order = (nonce: string, change: Partial<Order> = {}) =>
  ({
    nonce, address: OWN, slot: "2026-06-01T09:46:00Z", quantity_wh: 1000, filled_wh: 0, status: "open", ...change,
  }) as Order;
const nonces = (orders: Order[], requests: AccountRequest[] = []) =>
  endable(orders, requests, NOW, 15).flatMap((ending) => ending.nonces);

test("what nobody can settle any more is not ended, nor what has traded", () => {
  const orders = [
    order("0x1"),
    order("0x2", { slot: "2026-06-01T09:45:00Z" }),
    order("0x3", { filled_wh: 1000, status: "cleared" }),
    order("0x4", { filled_wh: 500, status: "cleared" }),
    // The market has forgotten it, but its signature holds.
    order("0x5", { status: "cancelled" }),
    order("0x5"),
    order("0x6", { status: "cancelled", cancelled_by: "chain" }),
  ];
  expect(nonces(orders)).toEqual(["0x1", "0x5"]);
});

test("each order is ended by the address that signed it", () => {
  const orders = [order("0x1", { address: NEXT }), order("0x2"), order("0x3", { address: NEXT.toUpperCase().replace("X", "x") })];
  expect(endable(orders, [], NOW, 15)).toEqual([
    { address: NEXT, nonces: ["0x1", "0x3"] },
    { address: OWN, nonces: ["0x2"] },
  ]);
});

test("what is ended already is not ended again, unless that failed", () => {
  const request = (state: AccountRequest["state"], account: string, ended: string[]) =>
    ({ state, terms: { kind: "cancellation", account, nonces: ended } }) as AccountRequest;
  const orders = [order("0x1"), order("0x2"), order("0x3")];
  const requests = [request("sent", OWN, ["0x01"]), request("failed", OWN, ["0x2"]), request("done", NEXT, ["0x3"])];
  expect(nonces(orders, requests)).toEqual(["0x2", "0x3"]);
});

test("one signature ends so many and no more", () => {
  const many = Array.from({ length: ENDED_MAX + 1 }, (_, place) => order(`0x${place.toString(16)}`));
  expect(nonces(many)).toHaveLength(ENDED_MAX);
});

test("a sealed order can be taken back until its gate", () => {
  const one = { status: "waiting" } as Commitment;
  const others = [{ ...one, opened_until: NOW }, { ...one, status: "opened" }] as Commitment[];
  expect(withdrawable([one, ...others])).toEqual([one]);
});
