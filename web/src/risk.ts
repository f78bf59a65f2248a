// Words for what a market stops by itself, and for what takes two of the staff.

import type { Consent, RiskLimits, TraderKind } from "./types";
import type { Tone } from "./ui";

/** What was measured, and in what. */
export const TRIGGERS: Record<string, [text: string, unit: string]> = {
  order_rate: ["Orders of an account within a minute", "orders"],
  refusals: ["Refused orders of an account within an hour", "refusals"],
  collar_hits: ["Prices of several accounts refused within an hour", "refusals"],
  missing_data: ["Nothing was metered", "slots"],
  silent_chain: ["No block came", "s"],
  forecast: ["The forecast of a rule was off in a row", "slots"],
  loss: ["A rule lost against the tariff within 24 hours", "%"],
  drawdown: ["A rule lost what it had gained within 24 hours", "%"],
  undelivered: ["Sold and not delivered, newer days counting more", "%"],
  disagreement: ["Clearings that another computation finds otherwise", "clearings"],
  invariant: ["Rules of the books that do not hold", "rules"],
};

/** The figures, in the order in which they are shown. */
export const FIGURES: Record<string, string> = {
  collar_percent: "Limit of an order, in percent of the retail price; above it is refused",
  reference_percent: "Percent that a price may be off the usual one; beyond it is refused unless meant",
  exposure: "What an account may owe at a time, in whole units; an order beyond it is refused",
  counterparty_percent: "Percent of its energy that an account should trade with one other; told after the day",
  orders_per_minute: "Orders of an account within a minute; beyond it is suspended",
  refusals_per_hour: "Refused orders of an account within an hour; beyond it is suspended",
  collar_hits_per_hour: "Prices of several accounts refused within an hour; beyond it the zone stops",
  stale_slots: "Slots without a metered interval; beyond it the connection point, or the zone, stops",
  chain_silent_seconds: "Seconds without a block; beyond it the zone stops",
  forecast_sigmas: "Standard deviations that a rule’s forecast may be off, four slots in a row",
  loss_percent: "Percent that a rule may lose against the tariff within 24 hours",
  drawdown_percent: "Percent that a rule may fall below its highest of 24 hours; beyond it is suspended",
  undelivered_collateral_percent: "Percent sold and not delivered; beyond it all that buyers would be short is held",
  undelivered_percent: "Percent sold and not delivered; beyond it the account sells no more",
  daily_notional: "What an account may trade in a local day, in whole units; an order beyond it is refused",
  open_orders: "Open orders of an account in all slots; one beyond it is refused",
  differing_clearings: "Clearings that another computation may find otherwise; beyond it the zone stops",
  violated_invariants: "Rules of the books that may not hold, I1 to I8; beyond it all zones stop",
};

export const KINDS: Record<TraderKind, string> = {
  accounts: "Account",
  "connection-points": "Connection point",
  "buy-rules": "Standing rule that buys, at",
  "sell-rules": "Standing rule that sells, at",
  sellers: "What is sold by account",
};

export const CONSENT_TONES: Record<Consent["state"], Tone> = {
  open: "info", given: "good", refused: "bad", expired: "quiet",
};

/** A figure as it is shown. */
export const figureOf = (limits: RiskLimits, name: string): string => String(limits[name] ?? "no limit");

/** What is asked for; of other figures those that differ from what holds now. */
export function wishText({ wish, trader, limits }: Consent, holds?: RiskLimits): string {
  if (wish === "start") return "Start trading again";
  if (wish === "start_all") return "Start trading again in all zones";
  if (wish === "resume") return trader ? `Let trade again: ${KINDS[trader.kind]} ${trader.id}` : "Let trade again";
  const names = Object.keys(limits ?? {}).filter((name) => !holds || limits?.[name] !== holds[name]);
  return `Other limits: ${names.map((name) => `${name} ${figureOf(limits ?? {}, name)}`).join(", ")}`;
}
