// Certificates of delivered energy.

import type * as api from "./api";

export type CertificateAbout = api.AboutView;
export type Holding = api.CertificateView;
export type Holdings = api.CertificatePage;
export type SourceTotal = api.SourceTotal;
export type Retirement = api.RetirementView;

export type IssueState = "waiting" | "sent" | "issued" | "refused" | "given_up";

export interface Issue extends api.IssueView {
  state: IssueState;
}

/** A connection point and what it generates from. */
export interface SourcedPoint extends api.SourcedView {
  change?: api.SourceChangeView & { state: "sent" | "failed" };
}

export interface Sources extends api.SourcesPage {
  items: SourcedPoint[];
}
