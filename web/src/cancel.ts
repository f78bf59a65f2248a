// Which of one's own orders can be ended on chain.

import type { AccountRequest, Commitment, Order } from "./types";

/** The most that one signature ends. */
export const ENDED_MAX = 256;

/** The nonces that one of the account's addresses ends. */
export interface Ending {
  address: string;
  nonces: string[];
}

/** The nonces of orders that somebody could still settle, by the address that signed them: of slots that are not over.
 * Those that have traded are left out: what is traded and in no block yet would not settle any more. What `requests`
 * end already is not ended again, unless the contracts refused it. Those of slots to come first, as many as one
 * signature ends. */
export function endable(orders: Order[], requests: AccountRequest[], now: string, slotMinutes: number): Ending[] {
  const ended = new Set<string>();
  for (const { terms, state } of requests) {
    if (terms.kind !== "cancellation" || state === "failed") continue;
    for (const nonce of terms.nonces) ended.add(nameOf(terms.account, nonce));
  }
  const over = (order: Order) => Date.parse(order.slot) + slotMinutes * 60_000 <= Date.parse(now);
  const open = orders.filter((order) => !over(order) && order.filled_wh === 0 && order.cancelled_by !== "chain");
  const endings = new Map<string, Set<string>>();
  for (const { address, nonce } of open) {
    if (ended.has(nameOf(address, nonce))) continue;
    const of = address.toLowerCase();
    endings.set(of, (endings.get(of) ?? new Set()).add(nonce));
  }
  return [...endings].map(([address, nonces]) => ({ address, nonces: [...nonces].slice(0, ENDED_MAX) }));
}

/** An order on chain: whose nonce, and which, however it is written. */
function nameOf(address: string, nonce: string | number): string {
  return `${address.toLowerCase()} ${BigInt(nonce)}`;
}

/** The sealed orders that can still be taken back. */
export function withdrawable(commitments: Commitment[]): Commitment[] {
  return commitments.filter((one) => one.status === "waiting" && !one.opened_until);
}
