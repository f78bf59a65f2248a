// Mechanisms in words, and as they are written for the API.

import { PRICE_SCALE, formatDecimal, parseDecimal, plainDecimal, price } from "./format";
import type { Mechanism, MechanismChoice, MechanismName, MechanismProperties } from "./types";
import type { Tone } from "./ui";

/** Decimals of k in percent: basis points. */
const K_SCALE = 2;
const K_MAX = 10_000n;
/** A million per kWh, in 1e-9 per Wh: no price of the API is higher. */
const PRICE_MAX = 1_000_000_000_000n;

/** Whether nobody orders in a market, because what was metered is shared out after each slot. */
export function sharesOut(market: { mechanism: Mechanism; policy: { settleSeconds: number } }): boolean {
  return market.policy.settleSeconds > 0 && market.mechanism.name.endsWith("_allocation");
}

/** What people should know of a mechanism before they choose it. */
export interface About {
  title: string;
  /** What it does, in a sentence. */
  does: string;
  /** All trades of a slot have one price; else each names what is paid and what is received. */
  onePrice: boolean;
  /** What the ends of k are, where it has one. */
  k?: string;
  /** Whether its price is given. */
  priced?: true;
}

export const MECHANISMS: Record<MechanismName, About> = {
  uniform: {
    title: "Uniform price",
    does: "As much as possible is traded, all at one price that suits everybody who trades; at the margin all get the same part.",
    onePrice: true,
    k: "0 % is the lowest price at which as much is traded, 100 % the highest.",
  },
  fixed_price: {
    title: "Fixed price",
    does: "Everybody who accepts the given price trades; the longer side shares by quantity what the shorter one has.",
    onePrice: true,
    priced: true,
  },
  mid_market: {
    title: "Mid-market price",
    does: "The price is half way between what the retailer pays and what it asks; the longer side shares what the shorter one has.",
    onePrice: true,
  },
  supply_demand: {
    title: "Supply and demand",
    does: "The more is offered for what is wanted, the further the price falls from the retail price towards the feed-in price.",
    onePrice: true,
  },
  bill_sharing: {
    title: "Bill sharing",
    does: "What neighbours exchange is free, and what is left for the retailer is shared in proportion; sellers must have no fee to pay.",
    onePrice: true,
  },
  static_allocation: {
    title: "Static allocation",
    does: "What is offered is split into equal shares for all who buy, at a given price; what somebody does not need of a share is left over.",
    onePrice: true,
    priced: true,
  },
  dynamic_allocation: {
    title: "Dynamic allocation",
    does: "What is offered is split in proportion to what each one wants, at a given price.",
    onePrice: true,
    priced: true,
  },
  cascade_allocation: {
    title: "Cascade allocation",
    does: "As static allocation, but what is left of a share goes to the others in proportion to what they still miss.",
    onePrice: true,
    priced: true,
  },
  gsy_pay_as_clear: {
    title: "Pay as clear (gsy-e)",
    does: "As in the simulator gsy-e: all trade at the lowest bid at which the offers suffice, and no bid is filled in part.",
    onePrice: true,
  },
  lemlab_uniform: {
    title: "Uniform price (lemlab)",
    does: "As in the simulator lemlab: the best bids meet the cheapest offers, all at the middle of the last pair.",
    onePrice: true,
  },
  pay_as_bid: {
    title: "Pay as bid",
    does: "As much as possible is traded, and each pair at what its buyer bids.",
    onePrice: false,
  },
  k_pricing: {
    title: "k-pricing",
    does: "As much as possible is traded, and each pair at a point between what its seller asks and its buyer bids.",
    onePrice: false,
    k: "0 % is what the seller asks, 100 % what the buyer bids.",
  },
  continuous: {
    title: "Continuous trading",
    does: "Orders come one after another, and each meets those that wait already, at their price.",
    onePrice: false,
  },
  mc_afee: {
    title: "McAfee's auction",
    does: "The orders at the margin make the prices and may go without; what buyers then pay more than sellers get is put aside.",
    onePrice: false,
  },
  muda: {
    title: "MUDA",
    does: "The lot divides everybody into two halves, and each half trades at the price that the other one makes.",
    onePrice: false,
  },
  gsy_pay_as_bid: {
    title: "Pay as bid (gsy-e)",
    does: "As in the simulator gsy-e: the dearest offers go first, to the best bids, at what the buyer bids.",
    onePrice: false,
  },
  lemlab_discriminatory: {
    title: "Pair by pair (lemlab)",
    does: "As in the simulator lemlab: the best bids meet the cheapest offers, each pair at its own middle.",
    onePrice: false,
  },
};

export const NAMES = Object.keys(MECHANISMS) as MechanismName[];

/** What is known of a name; nothing of one that a newer server has. */
export function aboutOf(name: string): About | undefined {
  return Object.hasOwn(MECHANISMS, name) ? MECHANISMS[name as MechanismName] : undefined;
}

/** "k-pricing, k 70 %", "Fixed price, $0.18/kWh". */
export function titleOf(mechanism: Mechanism): string {
  const parts = [aboutOf(mechanism.name)?.title ?? mechanism.name];
  if (mechanism.k_bps !== undefined) parts.push(`k ${formatDecimal(BigInt(mechanism.k_bps), K_SCALE)} %`);
  if (mechanism.price !== undefined) parts.push(`$${price(mechanism.price)}/kWh`);
  return parts.join(", ");
}

/** Reads k in percent as basis points; null when it is none. */
export function readK(text: string): number | null {
  const k = parseDecimal(text, K_SCALE);
  return k === null || k < 0n || k > K_MAX ? null : Number(k);
}

/** Reads a price per kWh as the API takes it; null when it is none. */
export function readPrice(text: string): string | null {
  const perKwh = parseDecimal(text, PRICE_SCALE);
  return perKwh === null || perKwh < 0n || perKwh > PRICE_MAX ? null : plainDecimal(perKwh, PRICE_SCALE);
}

/** The mechanism as it was entered, with what it takes and no more; null while that is not right. */
export function written(name: MechanismName, kText: string, priceText: string): Mechanism | null {
  const { k, priced } = MECHANISMS[name];
  if (k) {
    const k_bps = readK(kText);
    return k_bps === null ? null : { name, k_bps };
  }
  if (!priced) return { name };
  const given = readPrice(priceText);
  return given === null ? null : { name, price: given };
}

/** What it promises, in plain words, and what it does not where that costs somebody. */
export function promises(properties: MechanismProperties): [string, Tone][] {
  const { one_price, budget_balanced, efficient, truthful, order_invariant } = properties;
  const said: [string, Tone][] = [
    [one_price ? "one price" : "two prices", "info"],
    budget_balanced
      ? ["what buyers pay is what sellers get", "good"]
      : ["buyers pay more than sellers get", "warn"],
  ];
  if (efficient) said.push(["efficient", "good"]);
  if (truthful) said.push(["truthful", "good"]);
  said.push(order_invariant ? ["order does not matter", "good"] : ["who comes first matters", "warn"]);
  return said;
}

/** What holds in a zone for the slot that `now` is in. */
export function holding(choices: MechanismChoice[], zone: string, now: string): MechanismChoice | undefined {
  const startOf = ({ from }: MechanismChoice) => (from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from));
  return choices
    .filter((choice) => choice.zone === zone && startOf(choice) <= Date.parse(now))
    .reduce<MechanismChoice | undefined>(
      (latest, choice) => (latest && startOf(latest) > startOf(choice) ? latest : choice),
      undefined,
    );
}
