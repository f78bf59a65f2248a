// Money out: what an account wishes, what it signs, and what becomes of it.

import type * as api from "./api";

/** The contracts of a currency that is not the first. */
export interface Cash {
  token: string;
  market: string;
}

/** A payout as its account signs it. */
export interface PayoutTerms extends api.PayoutTerms {
  /** Absent where it is of the currency that energy is traded in. */
  cash?: Cash;
}

/** What a wallet shows and signs (EIP-712). */
export interface TypedData {
  types: Record<string, { name: string; type: string }[]>;
  primaryType: string;
  domain: { name: string; version: string; chainId: number; verifyingContract: string };
  message: Record<string, string>;
}

export type PayoutWish = api.PayoutWish;
export type OutsideView = api.OutsideView;

export interface PreparedPayout extends api.PreparedPayout {
  terms: PayoutTerms;
  withdrawal?: TypedData;
  redemption: TypedData;
}

/** Of what is outside of trading there is no withdrawal. */
export type PayoutSignatures = api.SignedRedemption & Partial<Pick<api.SignedPayout, "withdrawal">>;

export type PayoutState =
  | "requested" | "withdrawing" | "withdrawn" | "redeemed" | "ordered" | "paid" | "returned" | "credited"
  | "failed" | "expired";

export interface Payout extends api.PayoutView {
  state: PayoutState;
}

export type PayoutFile = api.PayoutFileView;
