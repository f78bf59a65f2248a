// Standing rules: the form that sets one, and how one stands, in words.

import { sameAddress } from "./address";
import {
  CENT_SCALE, ENERGY_SCALE, atWallTime, cents, kwh, parseDecimal, readDecimal, wallTime,
} from "./format";
import { readLimit } from "./grant";
import { gapsOf, isOver, needOf, slotMax } from "./mandate";
import { timestamp } from "./slots";
import type {
  AccountRequest, Approval, ConnectionPoint, Mandate, Market, RequestTerms, Rule, RuleBody, Side,
} from "./types";
import type { Tone } from "./ui";

/** The most percent of what is likely that a rule may order. */
const PERCENT_MAX = 200;

/** The form as it is filled in. */
export interface RuleFields {
  limit: string;
  /** What is likely, or the same each time. */
  kind: "likely" | "fixed";
  percent: string;
  quantity: string;
  /** As fields for date and time have it; empty for none. */
  from: string;
  until: string;
}

export const NEW_RULE: RuleFields = {
  limit: "", kind: "likely", percent: "100", quantity: "", from: "", until: "",
};

/** A rule as the form shows it. */
export function fieldsOf(rule: Rule, zone: string): RuleFields {
  const fixed = rule.quantity_wh !== undefined;
  return {
    limit: plain(cents(BigInt(rule.limit_price))),
    kind: fixed ? "fixed" : "likely",
    percent: String(rule.percent ?? 100),
    quantity: fixed ? plain(kwh(rule.quantity_wh!)) : "",
    from: rule.from ? wallTime(rule.from, zone) : "",
    until: rule.until ? wallTime(rule.until, zone) : "",
  };
}

const plain = (text: string) => text.replaceAll("\u202f", "");

export type RuleProblems = Partial<Record<keyof RuleFields, string>>;

/** Reads the form: what to set, or what is wrong. `before` is the rule that is replaced. */
export function readRule(
  fields: RuleFields,
  { side, point, before }: { side: Side; point: ConnectionPoint; before: Rule | undefined },
  market: Market,
): { body: RuleBody; problems?: undefined } | { body?: undefined; problems: RuleProblems } {
  const limit = readLimit(fields.limit);
  const fixed = fields.kind === "fixed";
  const quantity = parseDecimal(fields.quantity, ENERGY_SCALE);
  const [from, until] = [readTime(fields.from, market), readTime(fields.until, market)];
  const none = "Enter a day and a time that the clocks show on it.";
  const found: [keyof RuleFields, string | undefined][] = [
    ["limit", limitError(limit, side, market)],
    ["percent", fixed || readPercent(fields.percent) ? undefined : `Enter 1 to ${PERCENT_MAX}.`],
    ["quantity", fixed ? quantityError(quantity, slotMax(point, side, market), market) : undefined],
    ["from", from === null ? none : undefined],
    ["until", until === null ? none : untilError(from, until, market)],
  ];
  const problems: RuleProblems = Object.fromEntries(found.filter(([, problem]) => problem));
  if (Object.keys(problems).length) return { problems };
  // The form does not ask for it: what was set elsewhere stays, as far as it fits.
  const kept = before?.min_fill_wh ?? 0;
  return {
    body: {
      ...(fixed ? { quantity_wh: Number(quantity) } : { percent: readPercent(fields.percent)! }),
      limit_price: Number(limit),
      min_fill_wh: fixed ? Math.min(kept, Number(quantity)) : kept,
      ...(from ? { from } : {}),
      ...(until ? { until } : {}),
    },
  };
}

/** 1 to 200; null when it is none of them. */
function readPercent(text: string): number | null {
  const percent = /^\d{1,3}$/.test(text.trim()) ? Number(text) : 0;
  return percent >= 1 && percent <= PERCENT_MAX ? percent : null;
}

/** A moment; undefined for none, null for one that does not exist. */
function readTime(text: string, { timezone }: Market): string | undefined | null {
  if (!text) return undefined;
  const at = atWallTime(text, timezone);
  return at && timestamp(at);
}

function limitError(limit: bigint | null, side: Side, market: Market): string | undefined {
  if (limit === null || (side === "buy" && limit === 0n)) return "Enter a price such as 25.";
  const tick = BigInt(market.tick);
  return tick > 0n && limit % tick !== 0n ? `Prices are multiples of ${cents(tick)} ct.` : undefined;
}

function quantityError(quantity: bigint | null, carried: bigint, market: Market): string | undefined {
  if (quantity === null || quantity <= 0n) return "Enter an amount such as 0.25, with at most three decimals.";
  const lot = BigInt(market.lot_min_wh);
  if (quantity < lot) return `The smallest order is ${kwh(lot)} kWh.`;
  return quantity > carried ? `The connection carries at most ${kwh(carried)} kWh in a slot.` : undefined;
}

function untilError(from: string | undefined | null, until: string | undefined, market: Market): string | undefined {
  if (!until) return undefined;
  if (isOver({ until }, market.now)) return "This is over already.";
  return from && from >= until ? "It ends before it begins." : undefined;
}

/** "100 % of what you usually use", "0.25 kWh". */
export function quantityWords({ side, quantity_wh, percent, min_fill_wh }: Rule): string {
  const usual = side === "buy" ? "what you usually use" : "what you usually feed in";
  const quantity = quantity_wh === undefined ? `${percent ?? 100} % of ${usual}` : `${kwh(quantity_wh)} kWh`;
  return min_fill_wh > 0 ? `${quantity}, ${kwh(min_fill_wh)} kWh or nothing` : quantity;
}

/** "Never above 25 ct/kWh". */
export function limitOf({ side, limit_price }: Rule): string {
  const limit = `${cents(BigInt(limit_price))} ct/kWh`;
  return side === "buy" ? `Never above ${limit}` : `Never below ${limit}`;
}

/** What a mandate waits for, if for anything. */
export type Waiting = "block" | "consent" | "owner" | undefined;

const WAITS: Record<NonNullable<Waiting>, [Tone, string]> = {
  block: ["info", "Waits for the block"],
  consent: ["info", "Waits for the operator's consent"],
  owner: ["warn", "Waits for you: send the mandate from your wallet"],
};

/** What a mandate for `delegate` waits for: the newest that was asked for counts. */
export function waitingOf(
  delegate: string,
  { requests, approvals }: { requests: AccountRequest[]; approvals: Approval[] },
  now: string,
): Waiting {
  const isIts = (terms: RequestTerms | undefined) =>
    terms?.kind === "mandate" && sameAddress(terms.delegate, delegate) && terms.until > 0;
  const newest = requests.find(({ terms }) => terms.kind === "mandate" && sameAddress(terms.delegate, delegate));
  if (newest?.state === "sent" && isIts(newest.terms)) return "block";
  const asked = approvals.find(
    ({ request, expires_at }) => isIts(request) && Date.parse(expires_at) > Date.parse(now),
  );
  if (asked?.state === "open") return "consent";
  return asked?.state === "approved" ? "owner" : undefined;
}

/** How a rule stands. */
export function stateOf(
  rule: Rule,
  mandate: Mandate | undefined,
  waiting: Waiting,
  points: ConnectionPoint[],
  market: Market,
): [Tone, string] {
  const need = needOf([rule], points, market);
  if (!need) return ["quiet", "Over"];
  if (gapsOf(mandate, need, market).length || rule.warnings.includes("NO_MANDATE")) {
    return waiting ? WAITS[waiting] : ["warn", "May not sign yet"];
  }
  const comes = rule.from && Date.parse(rule.from) > Date.parse(market.now);
  return comes ? ["info", "To come"] : ["good", "Active"];
}

/** Whether another connection point has a rule of the same side: of a slot and side, one of them is served. */
export function clashes(rules: Rule[], { point, side }: { point: string; side: Side }, now: string): boolean {
  return rules.some((rule) => rule.side === side && rule.connection_point !== point && !isOver(rule, now));
}

/** A price of the API per kWh in hundredths: "0.305" is "30.5". */
export function tariffCents(perKwh: string): string {
  return cents(readDecimal(perKwh, CENT_SCALE + 2));
}
