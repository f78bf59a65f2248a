// Transfers, mandates, certificates and ends of orders: what an account wishes, what it signs, and what becomes of it.

import type * as api from "./api";
import type { ExchangeTerms } from "./exchange";
import type { TypedData } from "./payout";

/** Free money for another account, as it is signed. */
export interface TransferTerms {
  kind: "transfer";
  account: string;
  to: string;
  amount: string;
  nonce: string;
  /** Epoch seconds: not after it. */
  expiry: number;
  /** The only one who may send it; zero for anybody. */
  sender: string;
  link: string;
}

/** What a delegate may sign, as it is granted. Prices in 1e-9 currency per Wh, energy in Wh. */
export interface MandateTerms {
  kind: "mandate";
  account: string;
  delegate: string;
  policy: string;
  /** Epoch seconds: before it; zero ends the mandate. */
  until: number;
  buyPriceMax: number;
  sellPriceMin: number;
  quantityPerSlot: number;
  quantityPerDay: number;
  version: number;
  /** Epoch seconds: not granted after it. */
  expiry: number;
}

/** A transfer in another currency than energy is traded in, as it is signed. */
export interface CurrencyTransferTerms extends Omit<TransferTerms, "kind"> {
  kind: "currency_transfer";
  /** The market of the currency. */
  market: string;
}

/** Certified energy for another account, as it is signed. Numbers as 0x and hex digits. */
export interface CertificateTransferTerms {
  kind: "certificate_transfer";
  account: string;
  to: string;
  certificate: string;
  /** In Wh. */
  amount: string;
  nonce: string;
  /** Epoch seconds: not after it. */
  expiry: number;
}

/** Certified energy that is used up for somebody, as it is signed. */
export interface RetirementTerms {
  kind: "certificate_retirement";
  account: string;
  certificate: string;
  /** In Wh. */
  amount: string;
  beneficiary: string;
  nonce: string;
  /** Epoch seconds: not after it. */
  expiry: number;
}

/** Orders that end on chain by their nonces, as it is signed. */
export interface CancellationTerms {
  kind: "cancellation";
  account: string;
  /** As 0x and hex digits. */
  nonces: string[];
}

export type CertificateTerms = CertificateTransferTerms | RetirementTerms;
export type RequestTerms =
  | TransferTerms | MandateTerms | CurrencyTransferTerms | ExchangeTerms | CertificateTerms | CancellationTerms;

export type TransferWish = api.TransferWish & { kind: "transfer" };

/** Without `until` the mandate ends. */
export type MandateWish = Required<Omit<api.MandateTerms, "until">> & { kind: "mandate"; until?: string };

export type CertificateTransferWish = api.CertificateTransferWish & { kind: "certificate_transfer" };
export type RetirementWish = api.RetirementWish & { kind: "certificate_retirement" };
export type CertificateWish = CertificateTransferWish | RetirementWish;
export type CancellationWish = api.CancellationWish & { kind: "cancellation" };
export type RequestWish = TransferWish | MandateWish | CertificateWish | CancellationWish;

export interface PreparedRequest {
  terms: RequestTerms;
  typed_data: TypedData;
}

export type RequestState = "sent" | "done" | "failed";

/** A request on its way to the chain, or there. */
export interface AccountRequest extends api.RequestView {
  terms: RequestTerms;
  state: RequestState;
}
