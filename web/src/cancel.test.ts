import { expect, test } from "vitest";
import { ENDED_MAX, endable } from "./cancel";
import type { Order } from "./types";

const NOW = "2026-06-01T10:00:00Z";
const order = (nonce: string, change: Partial<Order> = {}) =>
  ({ nonce, slot: "2026-06-01T09:46:00Z", quantity_wh: 1000, filled_wh: 0, status: "open", ...change }) as Order;

test("what nobody can settle any more is not ended", () => {
  const orders = [
    order("0x1"),
    order("0x2", { slot: "2026-06-01T09:45:00Z" }),
    order("0x3", { filled_wh: 1000, status: "cleared" }),
    order("0x4", { filled_wh: 500, status: "cleared" }),
    // The market has forgotten it, but its signature holds.
    order("0x5", { status: "cancelled" }),
    order("0x5"),
  ];
  expect(endable(orders, NOW, 15)).toEqual(["0x1", "0x4", "0x5"]);
});

test("one signature ends so many and no more", () => {
  const many = Array.from({ length: ENDED_MAX + 1 }, (_, place) => order(`0x${place.toString(16)}`));
  expect(endable(many, NOW, 15)).toHaveLength(ENDED_MAX);
});
