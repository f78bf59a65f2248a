// Challenges: two signed registers against what was reconciled, and what became of them.

import type { Side } from "../types";

/** A reading with the proof that it was anchored. */
export interface ReadingProof {
  message: string;
  salt: string;
  community: string;
  /** Epoch seconds. */
  period: number;
  batch: number;
  root: string;
  count: number;
  index: number;
  path: string[];
}

/** What one side's meter said at both ends of the slot, as far as it is anchored. */
export interface SideEvidence {
  connection_point: string;
  begin?: ReadingProof;
  end?: ReadingProof;
}

export interface TradeEvidence {
  trade: string;
  slot: string;
  slot_minutes: number;
  buyer: SideEvidence;
  seller: SideEvidence;
}

export interface ChallengeWish {
  trade: string;
  side: Side;
  begin: ReadingProof;
  end: ReadingProof;
}

/** Money is what a party has more than before. */
export interface Cut {
  trade: string;
  delivered_before_wh: number;
  delivered_wh: number;
  seller_short_wh: number;
  buyer_short_wh: number;
  buyer_gets: string;
  seller_gets: string;
}

export interface JudgedChallenge {
  trade: string;
  side: Side;
  address: string;
  connection_point: string;
  slot: string;
  registered_wh: number;
  reconciled_wh: number;
  excess_wh: number;
  cuts: Cut[];
  buyers_get: string;
  sellers_get: string;
}

export interface ChallengeCall {
  chain_id: number;
  to: string;
  data: string;
}

export interface PreparedChallenge extends JudgedChallenge {
  window: "early" | "open" | "over";
  opens: string;
  closes: string;
  /** Absent where nothing is cut. */
  call?: ChallengeCall;
}

export interface TradeChallenge extends JudgedChallenge {
  state: "sent" | "failed" | "cut" | "final";
  reason?: string;
  transaction?: string;
  at: string;
}

/** A change of rights over the contracts that the timelock announced. */
export interface RoleChange {
  operation: string;
  position: number;
  contract?: string;
  contract_address: string;
  kind: "grant" | "revoke" | "delay" | "other";
  role?: string;
  account?: string;
  new_delay_seconds?: number;
  data: string;
  announced_at: string;
  ready_at: string;
  transaction: string;
  state: "waiting" | "done" | "cancelled";
  ended_at?: string;
  ended_transaction?: string;
}
