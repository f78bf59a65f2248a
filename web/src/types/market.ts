// Orders, trades, and how the market runs.

import type * as api from "./api";
import type { Mechanism } from "./mechanism";
import type { Stop } from "./risk";

export type Side = "buy" | "sell";

export interface OrderTerms extends api.OrderTerms {
  side: Side;
}

export interface Market extends api.MarketView {
  mechanism: Mechanism;
  stopped?: Stop;
  policy: { correctionSeconds: number; challengeSeconds: number; settleSeconds: number };
  contracts: { market: string; meters: string };
}

export type Offer = api.OfferView;
export type Band = api.BandView;

export interface Order extends api.OrderView {
  side: Side;
}

export interface Trade extends api.TradeView {
  own?: Side;
}
