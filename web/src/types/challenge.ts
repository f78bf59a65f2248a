// Challenges: two signed registers against what was reconciled, and what became of them.

import type * as api from "./api";
import type { Side } from "./market";

export type ReadingProof = api.ReadingProof;
export type SideEvidence = api.SideEvidence;
export type TradeEvidence = api.TradeEvidence;
export type Cut = api.CutView;
export type ChallengeCall = api.CallView;
export type RoleChange = api.RoleChange;

export interface ChallengeWish extends api.ChallengeWish {
  side: Side;
}

export interface PreparedChallenge extends api.PreparedChallenge {
  side: Side;
  window: "early" | "open" | "over";
}

export interface TradeChallenge extends api.ChallengeView {
  side: Side;
  state: "sent" | "failed" | "cut" | "final";
}
