// Sharing in what the community generates: what a member signs for once, and how a membership stands.

import { type Need, gapsOf, isInForce, limitsOf, slotMax } from "./mandate";
import type { Waiting } from "./rule";
import type { ConnectionPoint, Mandate, Market, Membership, Memberships } from "./types";
import type { Tone } from "./ui";

const most = (one: bigint, other: bigint) => (one > other ? one : other);
const least = (one: bigint, other: bigint) => (one < other ? one : other);

/** What a mandate has to cover for a member at `point`, and what it covers already for rules; null where nothing is
 * shared out. */
export function needOfMember(
  about: Memberships,
  point: ConnectionPoint,
  mandate: Mandate | undefined,
  market: Market,
): Need | null {
  if (about.buy_limit === undefined || about.sell_limit === undefined) return null;
  const before = mandate && isInForce(mandate, market.now) ? limitsOf(mandate) : undefined;
  const [buy, sell] = [BigInt(about.buy_limit), BigInt(about.sell_limit)];
  const carried = most(most(slotMax(point, "buy", market), slotMax(point, "sell", market)), 1n);
  return {
    buyMax: before ? most(before.buyMax, buy) : buy,
    sellMin: before ? least(before.sellMin, sell) : sell,
    perSlot: carried,
    perDay: carried,
    granted: before ? most(before.perSlot, carried) : carried,
  };
}

/** Whether `mandate` lets the community settle what a member at `point` takes and feeds in. */
export function isGranted(
  about: Memberships,
  point: ConnectionPoint,
  mandate: Mandate | undefined,
  market: Market,
): boolean {
  const need = needOfMember(about, point, mandate, market);
  return need !== null && gapsOf(mandate, need, market).length === 0;
}

/** The membership that holds, or is to come; ended ones are history. */
export function standing({ items }: Memberships, account: string, now: string): Membership | undefined {
  const own = items.filter((one) => one.account === account);
  return own.find((one) => one.until === undefined || Date.parse(one.until) > Date.parse(now));
}

/** "30 %", "12.5 %": a share in basis points. */
export function shareWords(bps: number): string {
  return `${bps / 100} %`;
}

/** How a membership stands. */
export function stateOfMember(one: Membership, granted: boolean, waiting: Waiting, now: string): [Tone, string] {
  if (!granted) {
    if (waiting === "block") return ["info", "Waits for the block"];
    return waiting ? ["info", "Waits for consent"] : ["warn", "Not signed yet"];
  }
  if (Date.parse(one.from) > Date.parse(now)) return ["info", "To come"];
  return one.until ? ["quiet", "Ends"] : ["good", "Member"];
}
