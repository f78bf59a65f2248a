// Currencies, and the exchange between them.

import type { TypedData } from "../types";
import type { RequestState } from "./request";

/** What an account has of a currency. */
export interface Balance {
  currency: string;
  free: string;
  locked: string;
  escrow: string;
  collateral: string;
  total: string;
}

/** An exchange as it is signed: `from` and `to` are the markets of both currencies. */
export interface ExchangeTerms {
  kind: "exchange";
  from: string;
  to: string;
  account: string;
  dealer: string;
  given: string;
  taken: string;
  /** Epoch seconds: not after it. */
  expiry: number;
  accountNonce: string;
  dealerNonce: string;
  dealerSignature: string;
}

/** At which rate one currency is exchanged for another: 1e-9 of the target for one of the source. */
export interface ExchangeRate {
  from: string;
  to: string;
  rate: number;
  /** What the dealer keeps, in 1e-4. */
  spread_bps: number;
  limit: string;
  /** How much of the target can be had. */
  left?: string;
  at: string;
}

export interface ExchangeRates {
  dealer: string;
  dealer_address: string;
  rates: ExchangeRate[];
}

export interface QuoteWish {
  from: string;
  to: string;
  amount: string;
}

/** What the dealer offers. */
export interface Quote extends Omit<QuoteWish, "amount"> {
  quote: string;
  given: string;
  taken: string;
  rate: number;
  spread_bps: number;
  expires_at: string;
  /** Seconds from the answer to its end. */
  stands_seconds: number;
  terms: ExchangeTerms;
  typed_data: TypedData;
}

/** An exchange on its way to the chain, or there. */
export interface Exchange {
  id: string;
  quote: string;
  account: string;
  from: string;
  to: string;
  given: string;
  taken: string;
  state: RequestState;
  reason?: string;
  at: string;
}
