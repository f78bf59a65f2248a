// Which of one's own orders can be ended on chain.

import type { Order } from "./types";

/** The most that one signature ends. */
export const ENDED_MAX = 256;

/** The nonces of orders that somebody could still settle: of slots that are not over, and not filled whole. Those of
 * slots to come first, as many as one signature ends. */
export function endable(orders: Order[], now: string, slotMinutes: number): string[] {
  const over = (order: Order) => Date.parse(order.slot) + slotMinutes * 60_000 <= Date.parse(now);
  const open = orders.filter((order) => !over(order) && order.filled_wh < order.quantity_wh);
  return [...new Set(open.map((order) => order.nonce))].slice(0, ENDED_MAX);
}
