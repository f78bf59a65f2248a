// What became of an order at once, in words; and how long orders are good.

import { kwh, price } from "../../format";
import { timestamp } from "../../slots";
import type { Lifetime, Order } from "../../types";

const MINUTE_MS = 60_000;

/** How long an order may wait, as it is chosen. */
export const LIFETIMES = [
  { name: "gate", text: "Until the book closes" },
  { name: "15", text: "For 15 minutes" },
  { name: "60", text: "For an hour" },
  { name: "now", text: "Trade now, cancel the rest" },
  { name: "whole", text: "All at once or not at all" },
] as const;

export type LifetimeName = (typeof LIFETIMES)[number]["name"];

/** The same for the API, from the market's clock. */
export function lifetime(name: LifetimeName, now: string): Lifetime {
  if (name === "gate") return { time_in_force: "good_till_gate" };
  if (name === "now") return { time_in_force: "immediate_or_cancel" };
  if (name === "whole") return { time_in_force: "fill_or_kill" };
  const good_till = timestamp(Date.parse(now) + Number(name) * MINUTE_MS);
  return { time_in_force: "good_till_time", good_till };
}

/** What traded at once, and what became of the rest. */
export function outcome(order: Order): string {
  const trades = (order.trades ?? []).map((trade) => `${kwh(trade.quantity_wh)} kWh at $${price(trade.price)}`);
  const traded = trades.length ? `Traded at once: ${trades.join(", ")}. ` : "";
  if (order.status === "filled") return `${traded}All of it is traded.`;
  if (order.status === "cancelled") {
    if (order.cancelled_by === "self_trade") return `${traded}The rest would have met an order of your own and was cancelled.`;
    if (order.cancelled_by === "funds") return `${traded}The wallet no longer covered the rest, so it was cancelled.`;
    return traded ? `${traded}The rest is cancelled.` : "Nothing could trade at once, so the order is cancelled.";
  }
  return `${traded}${kwh(order.open_wh)} kWh ${traded ? "wait" : "are"} in the book.`;
}
