import { expect, test } from "vitest";
import type { Order } from "../../types";
import { LIFETIMES, lifetime, outcome } from "./placed";

const NOW = "2026-06-01T08:45:00Z";

const ORDER = {
  order_id: "1", side: "buy", slot: "2026-06-01T10:00:00Z", quantity_wh: 5000, limit_price: "0.2",
  status: "open", filled_wh: 0, open_wh: 5000, time_in_force: "good_till_gate", held: "1",
  placed_at: NOW, warnings: [],
} as unknown as Order;
const TRADES = [
  { at: NOW, price: "0.102", quantity_wh: 3000 }, { at: NOW, price: "0.11", quantity_wh: 500 },
];

test("every lifetime is one that the API takes", () => {
  const written = LIFETIMES.map(({ name }) => lifetime(name, NOW));
  expect(written).toEqual([
    { time_in_force: "good_till_gate" },
    { time_in_force: "good_till_time", good_till: "2026-06-01T09:00:00Z" },
    { time_in_force: "good_till_time", good_till: "2026-06-01T09:45:00Z" },
    { time_in_force: "immediate_or_cancel" },
    { time_in_force: "fill_or_kill" },
  ]);
});

test("what traded at once is said, and what became of the rest", () => {
  const cases: [Partial<Order>, RegExp][] = [
    [{}, /^5 kWh are in the book\.$/],
    [{ trades: TRADES, filled_wh: 3500, open_wh: 1500 }, /3 kWh at \$0\.102, 0\.5 kWh at \$0\.11\. 1\.5 kWh wait/],
    [{ trades: TRADES, status: "filled", open_wh: 0 }, /All of it/],
    [{ trades: TRADES, status: "cancelled", cancelled_by: "immediate", open_wh: 0 }, /at \$0\.11\. The rest is cancelled/],
    [{ status: "cancelled", cancelled_by: "immediate", open_wh: 0 }, /^Nothing could trade/],
    [{ status: "cancelled", cancelled_by: "self_trade", open_wh: 0 }, /order of your own/],
    [{ status: "cancelled", cancelled_by: "funds", open_wh: 0 }, /no longer covered/],
  ];
  for (const [change, expected] of cases) expect(outcome({ ...ORDER, ...change })).toMatch(expected);
});
