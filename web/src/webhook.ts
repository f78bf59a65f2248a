// What webhooks tell of, in words, and how messages to them stand.

import type { DeliveryState, EventKind, Webhook } from "./types";
import type { Tone } from "./ui";

/** What can be told, grouped as people look for it. */
export const EVENT_KINDS: Record<EventKind, string> = {
  "invoice.issued": "A bill was issued",
  "invoice.paid": "Money came in for a bill",
  "invoice.overdue": "A bill is overdue",
  "invoice.corrected": "A bill was corrected",
  "buying.changed": "An account may not buy from neighbours, or may again",
  "prepaid.changed": "A prepaid balance stands otherwise",
  "prepaid.suspended": "The supply of a prepaid account may be cut",
  "prepaid.resumed": "The supply of a prepaid account may not be cut any more",
  "dispute.opened": "A bill is disputed",
  "dispute.decided": "A dispute has ended",
  "tariff.published": "A tariff was published",
  "slot.cleared": "A slot was cleared",
  "slot.reconciled": "Deliveries of a slot are on the chain",
  "trading.stopped": "Trading was stopped",
  "trading.resumed": "Trading goes on",
  "books.questioned": "Something in the books is to be looked into",
  "account.opened": "An account was opened",
  "approval.requested": "A signature waits for consent",
  "connection_point.registered": "A connection point was added",
  "meter.enrolled": "A meter was enrolled",
  "meter.rotated": "A meter has another key",
  "meter.revoked": "A meter's key has ended",
  "reading.quarantined": "A reading was not believed",
};

export const DELIVERY_STATES: Record<DeliveryState, [text: string, tone: Tone]> = {
  waiting: ["Waiting", "warn"],
  delivered: ["Delivered", "good"],
  failed: ["Failed", "bad"],
};

/** How an endpoint stands. */
export function standingOf(webhook: Webhook): [text: string, tone: Tone] {
  if (!webhook.active) return ["Off", "quiet"];
  if (webhook.failing_since) return ["Failing", "bad"];
  return webhook.waiting ? ["Behind", "warn"] : ["Well", "good"];
}
