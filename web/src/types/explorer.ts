// The JSON of the explorer: blocks, transactions, trades as the chain has them.

import type * as api from "./api";

export type Block = api.Block;
export type Work = api.ProofOfWork;
export type Hit = api.Hit;

export interface ChainEvent extends api.ContractEvent {
  fields: Record<string, unknown>;
}

export interface Transaction extends api.Transaction {
  events: ChainEvent[];
}

export interface BlockDetail extends api.BlockDetail {
  transactions: Transaction[];
}

export interface ChainTrade extends api.Trade {
  state: "settled" | "reconciled";
}

export type FeedKind = api.FeedKind;

export interface FeedEvent extends Omit<api.FeedEvent, "body"> {
  body: Record<string, unknown>;
}
