// The JSON of the API. Times are RFC 3339 in UTC, energy integers of Wh, money and prices decimal
// strings in major units.

export * from "./types/certificate";
export * from "./types/challenge";
export * from "./types/document";
export * from "./types/exchange";
export * from "./types/explorer";
export * from "./types/mechanism";
export * from "./types/meter";
export * from "./types/request";
export * from "./types/rule";
import type { Balance } from "./types/exchange";
import type { Mechanism } from "./types/mechanism";
import type { MeterDescription } from "./types/meter";
import type { RequestTerms } from "./types/request";

export interface Page<T> {
  items: T[];
  next?: string;
}

export interface ProblemBody {
  status: number;
  code: string;
  title: string;
  detail?: string;
  retry_may_help?: boolean;
}

// identity

export type Role = "consumer" | "prosumer" | "operator" | "utility" | "auditor" | "device" | "admin";
export type Custody = "own" | "held";

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

export interface Challenge {
  nonce: string;
  message: string;
}

export interface NewParty {
  name: string;
  email: string;
  password?: string;
  role: Role;
  pseudonym?: string;
  own_key?: { address: string; nonce: string; signature: string };
}

export interface Account {
  account: string;
  pseudonym: string;
  address: string;
  custody: Custody;
}

export interface Party {
  party: string;
  name: string;
  email: string;
  roles: Role[];
  community: string;
  account?: Account;
  since: string;
}

export interface ConnectionPoint {
  connection_point: string;
  account: string;
  zone: string;
  timezone: string;
  import_max_w: number;
  export_max_w: number;
  since: string;
}

export interface Meter {
  meter: string;
  serial: string;
  connection_point: string;
  account: string;
  key: string;
  version: number;
  valid_from: string;
  revoked_at?: string;
}

export interface NewMeter {
  serial: string;
  connection_point: string;
  key: string;
}

export interface EnrolledMeter extends Meter {
  /** What the meter logs in to the broker with; told once. */
  token?: string;
}

/** A held key for another wallet: a keystore of version 3, and what it is worth. */
export interface ExportedKey {
  keystore: { address: string } & Record<string, unknown>;
  notice: string;
}

/** What identity signs for an account whose key it holds. */
export interface SigningLimit {
  account: string;
  daily: string;
  signed_today: string;
  approval_above: string;
}

/** What one person asked for and another one decides. */
export interface Approval {
  approval: string;
  account: string;
  kind: "order" | "payout" | "redemption" | "request" | "limit";
  amount: string;
  order?: OrderTerms;
  payout?: PayoutTerms;
  request?: RequestTerms;
  state: "open" | "approved" | "refused" | "expired" | "done";
  requested_by: string;
  requested_at: string;
  expires_at: string;
  decided_by?: string;
  decided_at?: string;
}

/** How a transaction of a service stands. */
export type RelayStatus = "pending" | "confirmed" | "final" | "reverted";

/** A service's transactions, newest first. */
export interface RelayQueue {
  items: QueuedTransaction[];
  next?: string;
  pending: number;
  waited_blocks_max?: number;
}

export interface QueuedTransaction {
  cause: string;
  sender: string;
  nonce: number;
  status: RelayStatus;
  final: boolean;
  block?: number;
  hash?: string;
  waited_blocks?: number;
  attempts: TransactionAttempt[];
}

export interface TransactionAttempt {
  hash: string;
  max_fee_per_gas: number;
  max_priority_fee_per_gas: number;
  signed_at_block: number;
}

export interface AuditEntry {
  place: number;
  at: string;
  by: string;
  action: string;
  about: string;
  outcome: "done" | "denied";
  hash: string;
}

// market

export type Side = "buy" | "sell";

export interface OrderTerms {
  account: string;
  side: Side;
  slot: number;
  quantity: number;
  limitPrice: number;
  minFill: number;
  community: string;
  zone: string;
  connectionPoint: string;
  policy: string;
  delegate: string;
  nonce: string;
  expiry: number;
}

export interface Market {
  community: string;
  zone: string;
  timezone: string;
  slot_minutes: number;
  gate_seconds: number;
  horizon_seconds: number;
  tick: number;
  lot_min_wh: number;
  mechanism: Mechanism;
  /** Why nobody may trade, if so. */
  stopped?: Stop;
  policy_id: string;
  policy: { correctionSeconds: number; challengeSeconds: number };
  chain_id: number;
  contracts: { market: string };
  now: string;
  cash?: { address: string; tradable: string; held: string };
}

/** Why nobody may trade, who decided so, and since when. */
export interface Stop {
  reason: string;
  by: string;
  since: string;
}

export interface Offer {
  order_id: string;
  seller: string;
  meter: string;
  slot: string;
  amount_kwh: string;
  quantity_wh: number;
  price: string;
  total: string;
  own: boolean;
}

export interface Order {
  order_id: string;
  side: Side;
  slot: string;
  quantity_wh: number;
  limit_price: string;
  /** Who signed it in the place of the account, if somebody may have. */
  delegate?: string;
  status: string;
  filled_wh: number;
  held: string;
  placed_at: string;
  warnings: string[];
}

export interface Trade {
  trade: string;
  slot: string;
  buyer: string;
  seller: string;
  own?: Side;
  quantity_wh: number;
  price: string;
  total: string;
  escrow: string;
  status: string;
}

export interface Band {
  slot: string;
  retail_price: string;
  feed_in_price: string;
  network_fee: string;
  buyer_fee: string;
  seller_fee: string;
  low?: string;
  high?: string;
  gain: string;
}

// metering

export type Quality = "measured" | "substituted" | "missing";

export interface Interval {
  connection_point: string;
  meter: string;
  slot: string;
  slot_minutes: number;
  import_wh: number;
  export_wh: number;
  quality: Quality;
  method?: string;
  version: number;
  known_at: string;
}

export interface Quarantined {
  meter: string;
  code: string;
  message: string;
  bytes: number;
  first_at: string;
  last_at: string;
  repeats: number;
}

export interface MeterStatus {
  meter: string;
  serial: string;
  connection_point: string;
  valid_from: string;
  revoked_at?: string;
  last_seen?: string;
  firmware?: number;
  description?: MeterDescription;
  /** What somebody has to see to, as codes. */
  warnings: string[];
  last_reading?: string;
  last_page?: number;
  pages: number;
  gaps: { from_page: number; to_page: number }[];
  quarantined: number;
}

// billing

export interface Wallet {
  account: string;
  address: string;
  /** What a transfer to the community's bank account says to be credited here. */
  reference: string;
  free: string;
  locked: string;
  escrow: string;
  collateral: string;
  total: string;
  /** Of each currency, the one that energy is traded in first. */
  balances: Balance[];
  /** Its own tokens outside of trading, which wait to be told where to; absent where no node says. */
  outside?: string;
}

/** A currency of the installation. */
export interface Currency {
  code: string;
  token: string;
  market: string;
  traded: boolean;
}

/** Where the members of a community pay to. */
export interface BankAccount {
  iban: string;
  holder: string;
  currency: string;
}

/** A payout as its account signs it. */
export interface PayoutTerms {
  account: string;
  amount: string;
  creditor: string;
  iban: string;
  salt: string;
  /** The last second in which it can be withdrawn, epoch seconds. */
  expiry: number;
}

/** What a wallet shows and signs (EIP-712). */
export interface TypedData {
  types: Record<string, { name: string; type: string }[]>;
  primaryType: string;
  domain: { name: string; version: string; chainId: number; verifyingContract: string };
  message: Record<string, string>;
}

/** How much, and to which bank account; what is outside of trading may go back into the wallet. */
export interface PayoutWish {
  amount: string;
  outside?: boolean;
  creditor?: string;
  iban?: string;
}

export interface PreparedPayout {
  terms: PayoutTerms;
  destination: string;
  /** Absent where the money is outside of trading. */
  withdrawal?: TypedData;
  redemption: TypedData;
  currency: string;
  fee: string;
  delay_seconds: number;
}

export interface PayoutSignatures {
  /** Absent where the money is outside of trading. */
  withdrawal?: string;
  redemption: string;
}

export type PayoutState =
  | "requested" | "withdrawing" | "withdrawn" | "redeemed" | "ordered" | "paid" | "returned" | "credited"
  | "failed" | "expired";

/** Money on its way to a bank. */
export interface Payout {
  id: string;
  account: string;
  amount: string;
  creditor: string;
  /** Empty where it goes back into the wallet. */
  iban: string;
  /** Whether it waited outside of trading. */
  outside: boolean;
  destination: string;
  end_to_end_id: string;
  state: PayoutState;
  reason?: string;
  /** Until when it may be withdrawn. */
  expires_at: string;
  available_at?: string;
  file?: string;
  at: string;
}

/** An order to the bank to pay out. */
export interface PayoutFile {
  id: string;
  payments: number;
  total: string;
  currency: string;
  hash: string;
  requested_by: string;
  at: string;
}

export interface StatementLine {
  sequence: number;
  at: string;
  what: string;
  reversal: boolean;
  trade?: string;
  change: string;
  transfers: { debit: string; credit: string; amount: string }[];
}

export interface Invoice {
  id: string;
  number: string;
  account: string;
  from: string;
  to: string;
  issued_at: string;
  currency: string;
  total: string;
  due: string;
  hash: string;
}

export interface Audit {
  entries: number;
  head: string;
  violations: string[];
  suspense: string;
  balances: Record<string, string>;
  trades: number;
  trades_open: number;
  transactions_pending: number;
}

export interface ReserveCall {
  to: string;
  signature: string;
  arguments: string[];
  data: string;
  answer: string;
}

export interface CurrencyReserve {
  currency?: string;
  token: string;
  market: string;
  bank: string;
  supply: string;
  market_holds: string;
  owed: string;
  owed_parts: {
    wallets: string;
    locked: string;
    escrow: string;
    collateral: string;
    network_fees: string;
    platform_fees: string;
    balancing: string;
    suspense: string;
    tokens: string;
    payouts: string;
  };
  equal: boolean;
  difference?: { supply_bank: string; bank_owed: string; market_owed: string };
  calls: ReserveCall[];
}

export interface Reserve {
  chain_id: number;
  block: { number: number; hash: string };
  journal: {
    entries: number;
    head: string;
    checked?: { at: string; entries: number; violations: number };
  };
  reserves: CurrencyReserve[];
}
