// What a market stops by itself, what takes two of the staff, and what surveillance found.

import type * as api from "./api";

/** What made the market stop by itself. */
export interface Tripped {
  trigger: string;
  measured: number;
  most: number;
  from: string;
  to: string;
  /** What it stands on, a line for each. */
  evidence: string[];
}

/** Why nobody may trade, who decided so, and since when. */
export interface Stop extends api.StopView {
  /** Where the market decided by itself. */
  tripped?: Tripped;
}

/** A zone, or all zones of the community. */
export type StopWhere = { zone?: string; scope?: "zone" | "global" };

export type TraderKind = "accounts" | "connection-points" | "buy-rules" | "sell-rules" | "sellers";

/** Somebody, or a standing rule, that may not trade. */
export interface Suspension extends Omit<Stop, "scope"> {
  kind: TraderKind;
  id: string;
}

/** The figures by which a market judges risk; null is no limit. */
export type RiskLimits = Record<string, number | string | null>;

/** Something that one of the staff asked for and another one decides. */
export interface Consent {
  consent: string;
  zone: string;
  wish: "start" | "start_all" | "resume" | "limits";
  trader?: { kind: TraderKind; id: string };
  limits?: RiskLimits;
  state: "open" | "given" | "refused" | "expired";
  asked_by: string;
  asked_at: string;
  expires_at: string;
  decided_by?: string;
  decided_at?: string;
}

/** How much of what it sold an account has delivered. */
export type Reputation = api.ReputationView;

export type CaseState = "open" | "dismissed" | "confirmed";

export interface Figure {
  what: string;
  value: number;
  unit: string;
  threshold: number;
  at_most: boolean;
}

/** What surveillance found: a reason to look, never a verdict. */
export interface Case {
  case: string;
  zone: string;
  kind: string;
  title: string;
  owners: string[];
  accounts: string[];
  opened: string;
  last: string;
  found_at: string;
  severity: number;
  score: number;
  figures: Figure[];
  state: CaseState;
  reason?: string;
  decided_by?: string;
  decided_at?: string;
}

export type Evidence =
  | {
      kind: "order";
      slot: string;
      order: string;
      account: string;
      side: string;
      quantity_wh: number;
      limit: string;
      placed: string;
      cancelled?: string;
    }
  | {
      kind: "trade";
      slot: string;
      buy_order: string;
      sell_order: string;
      quantity_wh: number;
      buy_price: string;
      sell_price: string;
    }
  | { kind: "interval"; slot: string; owner: string; fed_in: { connection_point: string; export_wh: number }[] };

/** A case with what it stands on. */
export interface CaseFile extends Case {
  evidence: Evidence[];
  evidence_left_out: number;
}
