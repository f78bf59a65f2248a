// The JSON of the API, as pages use it. Times are RFC 3339 in UTC, energy integers of Wh, money and prices
// decimal strings in major units. The shapes are those of the OpenAPI document (types/api.ts); what stands
// here gives them the app's names, and says more where the document says only "text" or "object".

import type * as api from "./types/api";
import type { OrderTerms } from "./types/market";
import type { PayoutTerms } from "./types/payout";
import type { RequestTerms } from "./types/request";

export type { Page } from "./types/api";
export * from "./types/certificate";
export * from "./types/challenge";
export * from "./types/correction";
export * from "./types/dispute";
export * from "./types/document";
export * from "./types/exchange";
export * from "./types/explorer";
export * from "./types/market";
export * from "./types/membership";
export * from "./types/mechanism";
export * from "./types/meter";
export * from "./types/payout";
export * from "./types/report";
export * from "./types/request";
export * from "./types/risk";
export * from "./types/rule";
export * from "./types/sealing";
export * from "./types/succession";
export * from "./types/tariff";
export * from "./types/trading";
export * from "./types/webhook";

export type ProblemBody = api.Problem;

// identity

export type Role = "consumer" | "prosumer" | "operator" | "utility" | "auditor" | "device" | "admin";
export type Custody = "own" | "held";

export type Tokens = api.Tokens;
export type Challenge = api.Challenge;

export interface NewParty extends api.NewParty {
  role: Role;
}

export interface Account extends api.Account {
  custody: Custody;
}

export interface Party extends api.Party {
  roles: Role[];
  account?: Account;
}

export type ConnectionPoint = api.ConnectionPoint;
export type Meter = api.Meter;
export type NewMeter = api.NewMeter;
export type EnrolledMeter = api.EnrolledMeter;
export type ExportedKey = api.ExportedKey;
export type SigningLimit = api.SigningLimit;
export type NewSigningLimit = api.NewSigningLimit;

/** What one person asked for and another one decides. */
export interface Approval extends api.Approval {
  order?: OrderTerms;
  payout?: PayoutTerms;
  request?: RequestTerms;
}

/** How a transaction of a service stands. */
export type RelayStatus = api.TransactionStatus;
export type RelayQueue = api.RelayQueue;
export type QueuedTransaction = api.QueuedTransaction;
export type AuditEntry = api.AuditEntry;

// metering

export interface Interval extends api.IntervalView {
  quality: "measured" | "substituted" | "missing";
}

export type Quarantined = api.QuarantineView;

// billing

export type Wallet = api.WalletView;
export type Balance = api.BalanceView;
export type Currency = api.CurrencyView;
export type BankAccount = api.BankAccountView;
/** What to credit to whom, or to nobody yet. */
export type UnmatchedPayment = api.UnmatchedPayment;
export type Deposit = api.DepositView;
export type StatementLine = api.StatementItem;
export type Invoice = api.InvoiceSummary;
export type Audit = api.AuditView;
export type Reserve = api.ReserveView;
export type CurrencyReserve = api.CurrencyReserve;
export type ReserveCall = api.ReserveCall;

// what bills leave to be paid

export type InvoicePayment = api.InvoicePaymentView;
export type Receivable = api.Receivable;
export type AgeClass = api.AgeClass;
export type Ladder = api.LadderView;
export type NewLadder = api.NewLadder;
export type LadderStep = api.StepBody;
export type StepAction = api.StepAction;
export type Prepaid = api.PrepaidView;
export type PrepaidAccount = api.PrepaidAccount;
export type SupplySuspension = api.SupplySuspension;
export type AssignedPayment = api.AssignedPayment;
