// What was issued after bills.

import type * as api from "./api";

/** By how much a line of a bill changes; amounts in major units. */
export interface Difference {
  class: string;
  label: string;
  before: string;
  right: string;
  amount: string;
}

export type Correction = api.CorrectionSummary;

/** A correction with its lines. */
export interface IssuedCorrection extends api.CorrectionView {
  correction: { lines: Difference[] };
}

export type Cancellation = api.CancellationView;
export type NewCancellation = api.NewCancellation;
