// The exchange of currencies.

import type * as api from "./api";
import type { TypedData } from "./payout";
import type { RequestState } from "./request";

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

/** Cash of the dealer that staff want given to an account. */
export type DealerTransfer = api.DealerTransferView;
export type NewDealerTransfer = api.NewDealerTransfer;
export type ExchangeRate = api.RateView;
export type ExchangeRates = api.RatesView;
export type QuoteWish = api.QuoteWish;

/** What the dealer offers. */
export interface Quote extends api.QuoteView {
  terms: ExchangeTerms;
  typed_data: TypedData;
}

/** An exchange on its way to the chain, or there. */
export interface Exchange extends api.ExchangeView {
  state: RequestState;
}
