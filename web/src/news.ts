// What the feed tells, in words.

import { count, kwh, short, utc } from "./format";
import type { FeedEvent, FeedKind } from "./types";

/** Every kind of news, and what it is called. */
export const NAMES: Record<FeedKind, string> = {
  account_registered: "AccountRegistered",
  meter_registered: "MeterRegistered",
  meter_rotated: "MeterRotated",
  meter_revoked: "MeterRevoked",
  deposit_credited: "DepositCredited",
  withdrawal_requested: "WithdrawalRequested",
  withdrawal_paid: "WithdrawalPaid",
  order_committed: "OrderCommitted",
  order_revealed: "OrderRevealed",
  order_cancelled: "OrderCancelled",
  order_expired: "OrderExpired",
  order_rejected: "OrderRejected",
  gate_closed: "GateClosed",
  slot_cleared: "SlotCleared",
  trade_created: "TradeCreated",
  escrow_locked: "EscrowLocked",
  escrow_released: "EscrowReleased",
  curtailed: "Curtailed",
  readings_stored: "ReadingsStored",
  readings_anchored: "ReadingsAnchored",
  slot_reconciled: "SlotReconciled",
  penalty_applied: "PenaltyApplied",
  compensation_paid: "CompensationPaid",
  challenged: "Challenged",
  resolved: "Resolved",
  invoice_issued: "InvoiceIssued",
  invoice_cancelled: "InvoiceCancelled",
  invoice_corrected: "InvoiceCorrected",
  invoice_paid: "InvoicePaid",
  tariff_published: "TariffPublished",
  risk_limit_changed: "RiskLimitChanged",
  kill_switch: "KillSwitch",
  parameter_changed: "ParameterChanged",
  anchor_missing: "AnchorMissing",
  book_changed: "BookChanged",
  block: "Block",
  block_removed: "BlockRemoved",
};

export const KINDS = Object.keys(NAMES) as FeedKind[];

type Fields = Record<string, unknown>;

/** What happened, each step of it: the contracts' news have some of one kind together. */
export function stepsOf({ body }: FeedEvent): Fields[] {
  const { kind: _, ...rest } = body as Fields;
  return Array.isArray(rest.steps) ? (rest.steps as Fields[]) : [rest];
}

/** How many there are beyond those that are shown. */
export function hiddenSteps(event: FeedEvent): number {
  const all = (event.body as Fields).count;
  return typeof all === "number" && "steps" in event.body ? all - stepsOf(event).length : 0;
}

/** What happened, in a line. */
export function newsText(event: FeedEvent): string {
  const steps = stepsOf(event);
  const text = steps[0] ? textOf(event.kind, steps[0]) : "";
  const more = steps.length - 1 + hiddenSteps(event);
  return more > 0 ? `${text}, and ${count(more)} more` : text;
}

function textOf(kind: FeedKind, fields: Fields): string {
  const said = (name: string) => (fields[name] === undefined || fields[name] === null ? "" : String(fields[name]));
  const of = (name: string) => short(said(name));
  const slot = () => (said("slot") ? `slot ${utc(said("slot"))}` : "");
  const energy = (name: string) => `${kwh(BigInt(said(name) || "0"))} kWh`;
  const cash = (name: string) => `$${said(name)}`;
  switch (kind) {
    case "account_registered":
      return `${of("address")} can trade`;
    case "meter_registered":
    case "meter_rotated":
    case "meter_revoked":
      return `Meter ${of("meter")}, key ${said("version")}`;
    case "deposit_credited":
    case "withdrawal_requested":
    case "withdrawal_paid":
    case "escrow_released":
      return `${cash("amount")} of ${of("account")}`;
    case "order_committed":
    case "order_revealed":
      return `${of("commitment")}, ${slot()}`;
    case "order_cancelled":
      return said("nonce") ? `By ${of("account")} on chain` : `${slot()}: ${said("by")}`;
    case "order_expired":
      return said("commitment") ? `${of("commitment")} was not opened, ${slot()}` : slot();
    case "order_rejected":
      return `${said("code")} × ${said("count")}`;
    case "gate_closed":
      return slot();
    case "slot_cleared":
      return `${energy("volume_wh")} at $${said("price")}/kWh, ${slot()}`;
    case "trade_created":
      return `${energy("quantity_wh")} at $${said("price")}/kWh`;
    case "escrow_locked":
      return `${cash("escrow")} of ${of("buyer")}, ${cash("collateral")} of ${of("seller")}`;
    case "curtailed":
      return `${utc(said("from"))} to ${utc(said("to"))}${fields.curtailed ? "" : ": lifted"}`;
    case "readings_stored":
      return `${said("intervals")} connection points, ${slot()}`;
    case "readings_anchored":
      return `${said("count")} of a ${said("of")}`;
    case "slot_reconciled":
      return `R${said("run")}, batch ${said("batch")}`;
    case "penalty_applied":
    case "compensation_paid":
      return said("account") ? `${cash("amount")}: ${of("account")}` : "None any more";
    case "challenged":
    case "resolved":
      return `${of("connection_point")}, ${slot()}`;
    case "invoice_issued":
    case "invoice_cancelled":
    case "invoice_corrected":
      return said("number");
    case "tariff_published":
      return `From ${utc(said("valid_from"))}`;
    case "kill_switch":
      return `${said("scope")}: ${fields.on ? "stopped" : "goes on"}`;
    case "parameter_changed":
      return said("from") ? `${said("parameter")}, from ${utc(said("from"))}` : said("parameter");
    case "anchor_missing":
      return `${said("what")} ${said("name")}`;
    case "block":
    case "block_removed":
      return said("number");
    case "book_changed":
      return slot();
    case "invoice_paid":
    case "risk_limit_changed":
      return "";
  }
}
