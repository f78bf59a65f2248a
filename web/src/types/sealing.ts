// Sealed orders: what the market has of them until their gate.

import type { OrderTerms } from "./market";

export type CommitmentStatus = "waiting" | "withdrawn" | "opened" | "refused" | "expired";

/** A commitment to an order, as its account sees it. */
export interface Commitment {
  commitment: string;
  account: string;
  slot: string;
  committed_at: string;
  status: CommitmentStatus;
  /** Whether the market opens it. */
  deposited: boolean;
  /** What was deposited; for its own account alone. */
  order?: OrderTerms;
  order_id?: string;
  /** Why the market does not take what was deposited. */
  refused_with?: string;
  /** Whether it counts as left unopened. */
  counted: boolean;
  opened_until?: string;
}

/** How the orders of a slot are sealed. */
export interface SealedSlot {
  reveal_seconds: number;
  commitments: number;
  opened: number;
  opened_until?: string;
}

/** Whether orders are sealed in slots from a moment on. */
export interface SealingChoice {
  from: string;
  reveal_seconds?: number;
}

/** How a market seals orders, and what the caller's party left unopened in the last day. */
export interface Sealing {
  zone: string;
  choices: SealingChoice[];
  commitments_max: number;
  unrevealed: number;
  unrevealed_max: number;
}
