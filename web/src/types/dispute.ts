// Disputes about bills, and the lines that they are about.

import type * as api from "./api";

/** A line of a bill, as it was issued; amounts in major units. */
export interface InvoiceLine {
  class: string;
  label: string;
  exact: string;
  amount: string;
}

/** A bill with its lines. */
export interface IssuedInvoice extends api.InvoiceView {
  invoice: { lines: InvoiceLine[] };
}

export type Ground = api.Ground;
export type DisputeState = api.DisputeState;
export type NewDispute = api.NewDispute;
export type Dispute = api.DisputeView;
export type DisputeSummary = api.DisputeSummary;
export type Said = api.SaidView;

/** What ends a dispute. */
export type Decision = Exclude<DisputeState, "open">;
