// The addresses that an account settles at.

import type * as api from "./api";
import type { TypedData } from "./payout";

export type AccountAddress = api.AccountAddress;
export type AddressWish = api.AddressWish;
export type NewAddress = api.NewAddress;

export interface PreparedEnrolment extends api.PreparedEnrolment {
  typed_data: TypedData;
}

/** What both addresses sign before an account settles at another one. */
export interface PreparedAddress extends api.PreparedAddress {
  succession: TypedData;
  enrolments: PreparedEnrolment[];
}
