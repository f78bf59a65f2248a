// Certificates of delivered energy.

import type { Page } from "../types";

/** What a certificate says of its energy. */
export interface CertificateAbout {
  /** The certificate's number, 32 bytes. */
  certificate: string;
  connection_point: string;
  /** The meter that measured it. */
  device: string;
  /** Code of EECS, and the same in words. */
  source: string;
  source_name: string;
  slot: string;
  slot_seconds: number;
}

/** What an account has of a certificate. */
export interface Holding extends CertificateAbout {
  account: string;
  held_wh: number;
  retired_wh: number;
}

export interface SourceTotal {
  source: string;
  source_name: string;
  held_wh: number;
  retired_wh: number;
}

/** Totals are over all pages. */
export interface Holdings extends Page<Holding> {
  totals: SourceTotal[];
}

/** Energy that was used up for somebody. */
export interface Retirement extends CertificateAbout {
  account: string;
  wh: number;
  beneficiary: string;
  at: string;
  block: number;
  transaction: string;
}

export type IssueState = "waiting" | "sent" | "issued" | "refused" | "given_up";

/** A trade that is certified, or is to be. */
export interface Issue {
  trade: string;
  account: string;
  slot: string;
  wh: number;
  state: IssueState;
  certificate?: string;
  reason?: string;
  next_try?: string;
}

export interface Source {
  code: string;
  name: string;
  from: string;
  to?: string;
}

/** A connection point and what it generates from. */
export interface SourcedPoint {
  connection_point: string;
  account: string;
  source?: Source;
  ended: Source[];
  /** What staff said last, where it is in no block or was refused; without a code the source ends. */
  change?: { code?: string; state: "sent" | "failed"; reason?: string; at: string };
}

export interface Sources extends Page<SourcedPoint> {
  codes: { code: string; name: string }[];
}
