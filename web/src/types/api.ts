// The API's data, written from openapi/wattex.json by `npm run types`. Do not change it by hand.

/** A part of a list; `next` is the cursor of the part after it. */
export interface Page<T> {
  items: T[];
  next?: string;
}

/** What can be called, by method. */
export interface Paths {
  GET:
    | "/docs"
    | "/docs/page.css"
    | "/docs/page.js"
    | "/healthz"
    | "/openapi.json"
    | "/v1/.well-known/jwks.json"
    | `/v1/accounts/${string}/addresses`
    | "/v1/approvals"
    | "/v1/audit"
    | "/v1/audit-log"
    | "/v1/audit/anchors"
    | "/v1/audit/days"
    | "/v1/audit/export"
    | "/v1/bank/account"
    | "/v1/bank/unmatched"
    | "/v1/book"
    | "/v1/cancellations"
    | "/v1/certificate-sources"
    | `/v1/certificate-sources/${string}`
    | "/v1/certificates"
    | "/v1/certificates/issues"
    | "/v1/certificates/retirements"
    | "/v1/chain"
    | "/v1/collecting-account"
    | "/v1/commitments"
    | "/v1/concentration"
    | "/v1/connection-points"
    | "/v1/consents"
    | "/v1/contact"
    | "/v1/corrections"
    | `/v1/corrections/${string}`
    | `/v1/corrections/${string}/bill`
    | `/v1/corrections/${string}/document`
    | "/v1/currencies"
    | "/v1/curtailments"
    | "/v1/disputes"
    | `/v1/disputes/${string}`
    | "/v1/documents/customer"
    | "/v1/documents/issuer"
    | "/v1/events"
    | "/v1/exchange-rates"
    | `/v1/exchange-rates/${string}/${string}`
    | "/v1/exchange/dealer-transfers"
    | "/v1/exchange/orders"
    | "/v1/explorer/blocks"
    | `/v1/explorer/blocks/${string}`
    | "/v1/explorer/events"
    | "/v1/explorer/search"
    | "/v1/explorer/trades"
    | `/v1/explorer/trades/${string}`
    | "/v1/explorer/transactions"
    | `/v1/explorer/transactions/${string}`
    | "/v1/intervals"
    | "/v1/invoices"
    | `/v1/invoices/${string}`
    | `/v1/invoices/${string}/bill`
    | `/v1/invoices/${string}/document`
    | `/v1/invoices/${string}/html`
    | `/v1/invoices/${string}/payment`
    | `/v1/invoices/${string}/wallet-payments`
    | "/v1/mandates"
    | "/v1/market"
    | "/v1/market/metrics"
    | "/v1/market/partitions"
    | "/v1/market/ready"
    | "/v1/me"
    | "/v1/mechanisms"
    | "/v1/memberships"
    | "/v1/meters"
    | `/v1/meters/${string}/checks`
    | `/v1/meters/${string}/comparison`
    | `/v1/meters/${string}/erasures`
    | `/v1/meters/${string}/files`
    | `/v1/meters/${string}/files/${string}`
    | `/v1/meters/${string}/interval-file`
    | `/v1/meters/${string}/status`
    | "/v1/orders"
    | `/v1/orders/${string}`
    | "/v1/parties"
    | "/v1/payouts"
    | "/v1/payouts/files"
    | `/v1/payouts/files/${string}`
    | `/v1/payouts/${string}`
    | "/v1/prepaid"
    | "/v1/prepaid/accounts"
    | "/v1/prepaid/settings"
    | "/v1/prepaid/suspensions"
    | "/v1/price-band"
    | "/v1/quarantine"
    | "/v1/readings"
    | "/v1/readings/evidence"
    | `/v1/readings/evidence/${string}`
    | "/v1/receivables"
    | "/v1/receivables/ages"
    | "/v1/receivables/handed-over"
    | "/v1/relay/billing"
    | "/v1/relay/market"
    | "/v1/relay/metering"
    | "/v1/reminders/ladder"
    | "/v1/reports/charges"
    | "/v1/reports/estimated"
    | "/v1/reports/residual-load"
    | "/v1/reports/settlement"
    | "/v1/reports/unbilled"
    | "/v1/reputation"
    | "/v1/requests"
    | `/v1/requests/${string}`
    | "/v1/reserve"
    | "/v1/risk-limits"
    | "/v1/risk-limits/changes"
    | "/v1/role-changes"
    | "/v1/rules"
    | "/v1/sealing"
    | "/v1/shares"
    | `/v1/signing-limits/${string}`
    | `/v1/slots/${string}`
    | `/v1/slots/${string}/commitments`
    | `/v1/slots/${string}/depth`
    | `/v1/slots/${string}/journal`
    | `/v1/slots/${string}/trades`
    | "/v1/statement"
    | "/v1/surveillance/cases"
    | `/v1/surveillance/cases/${string}`
    | "/v1/suspensions"
    | "/v1/tariffs"
    | "/v1/tariffs/proposals"
    | `/v1/tariffs/proposals/${string}`
    | "/v1/trade-challenges"
    | "/v1/trades"
    | "/v1/wallet"
    | "/v1/webhooks"
    | `/v1/webhooks/${string}`
    | `/v1/webhooks/${string}/deliveries`;
  POST:
    | "/rpc"
    | `/v1/accounts/${string}/addresses`
    | `/v1/accounts/${string}/addresses/prepare`
    | `/v1/approvals/${string}/approval`
    | `/v1/approvals/${string}/refusal`
    | "/v1/bank/statements"
    | `/v1/bank/unmatched/${string}`
    | `/v1/bank/unmatched/${string}/invoice`
    | "/v1/bills/comparison"
    | `/v1/cancellations/${string}/approval`
    | `/v1/cancellations/${string}/refusal`
    | "/v1/challenges"
    | "/v1/commitments"
    | `/v1/commitments/${string}/opening`
    | "/v1/connection-points"
    | `/v1/connection-points/${string}/codes`
    | `/v1/consents/${string}/approval`
    | `/v1/consents/${string}/refusal`
    | "/v1/contact/confirmation"
    | "/v1/deposits"
    | `/v1/disputes/${string}/statements`
    | "/v1/exchange/dealer-transfers"
    | `/v1/exchange/dealer-transfers/${string}/approval`
    | `/v1/exchange/dealer-transfers/${string}/refusal`
    | "/v1/exchange/orders"
    | "/v1/exchange/quotes"
    | "/v1/invoices"
    | `/v1/invoices/${string}/cancellations`
    | `/v1/invoices/${string}/disputes`
    | `/v1/invoices/${string}/wallet-payments`
    | `/v1/invoices/${string}/wallet-payments/prepare`
    | "/v1/market/hand-over"
    | "/v1/me/key-export"
    | "/v1/meters"
    | `/v1/meters/${string}/erasures`
    | `/v1/meters/${string}/files`
    | `/v1/meters/${string}/readings`
    | `/v1/meters/${string}/revocation`
    | `/v1/meters/${string}/rotation`
    | "/v1/orders"
    | "/v1/orders/batch"
    | "/v1/parties"
    | "/v1/payouts"
    | "/v1/payouts/files"
    | "/v1/payouts/prepare"
    | `/v1/payouts/${string}/credit`
    | `/v1/payouts/${string}/order`
    | `/v1/prepaid/accounts/${string}/suspension`
    | `/v1/prepaid/suspensions/${string}/approval`
    | `/v1/prepaid/suspensions/${string}/refusal`
    | "/v1/provisioning"
    | "/v1/requests"
    | "/v1/requests/prepare"
    | "/v1/signatures/order"
    | "/v1/signatures/payout"
    | "/v1/signatures/redemption"
    | "/v1/signatures/request"
    | `/v1/surveillance/cases/${string}/decision`
    | "/v1/tariffs"
    | `/v1/tariffs/proposals/${string}/approval`
    | `/v1/tariffs/proposals/${string}/refusal`
    | "/v1/tariffs/simulations"
    | "/v1/tokens"
    | "/v1/trade-challenges"
    | "/v1/trade-challenges/prepare"
    | "/v1/webhooks"
    | `/v1/webhooks/${string}/replay`
    | `/v1/webhooks/${string}/secret`
    | `/v1/webhooks/${string}/test`;
  PUT:
    | "/v1/bank/account"
    | `/v1/certificate-sources/${string}`
    | "/v1/collecting-account"
    | "/v1/contact"
    | `/v1/curtailments/${string}/${string}`
    | "/v1/documents/customer"
    | "/v1/documents/issuer"
    | `/v1/exchange-rates/${string}/${string}`
    | `/v1/mechanisms/${string}`
    | `/v1/memberships/${string}`
    | `/v1/meters/${string}/description`
    | `/v1/prepaid/accounts/${string}/protection`
    | "/v1/prepaid/agreement"
    | "/v1/prepaid/settings"
    | "/v1/reminders/ladder"
    | "/v1/risk-limits"
    | `/v1/rules/${string}/${string}`
    | `/v1/sealing/${string}`
    | `/v1/shares/${string}`
    | `/v1/signing-limits/${string}`
    | "/v1/stop"
    | `/v1/suspensions/${string}/${string}`
    | `/v1/webhooks/${string}`;
  DELETE:
    | `/v1/certificate-sources/${string}`
    | `/v1/commitments/${string}`
    | "/v1/contact"
    | `/v1/curtailments/${string}/${string}`
    | "/v1/documents/customer"
    | `/v1/memberships/${string}`
    | "/v1/orders"
    | `/v1/orders/${string}`
    | "/v1/prepaid/agreement"
    | `/v1/rules/${string}/${string}`
    | "/v1/stop"
    | `/v1/suspensions/${string}/${string}`
    | `/v1/webhooks/${string}`;
}

/** What a certificate says of its energy. */
export interface AboutView {
  /** Where it was fed in. */
  connection_point: string;
  /** The meter that measured it. */
  device: string;
  /** Start of the slot in which it was delivered. */
  slot: string;
  /** How long the slot is. */
  slot_seconds: number;
  /** What it was generated from (EECS). */
  source: string;
  /** The same in words. */
  source_name: string;
}

/** Holds a wallet and signs orders. */
export interface Account {
  /** Its id. */
  account: string;
  /** The address that signs and holds cash. */
  address: string;
  /** `held`: identity signs for the owner. `own`: only the owner can. */
  custody: string;
  /** The name that others see. */
  pseudonym: string;
}

/** An address of an account, and when orders are signed by it and settle at it. */
export interface AccountAddress {
  /** The address. */
  address: string;
  /** `held`: identity signs for the owner. `own`: only the owner can. */
  custody: string;
  /**
   * Start of the first slot that settles at it; absent for the one that the account was opened
   * with.
   */
  from?: string;
  /** Start of the first slot that does not any more; absent while none is known. */
  until?: string;
}

/** A request to a contract as it is signed. Parsed by [`AccountRequest`]; this is its description. */
export interface AccountRequest {
  /** The address of the account. */
  account: string;
  /** Exchange: unique per account, as 0x and hex digits. */
  accountNonce?: string;
  /** Transfer: how much, in major units. Of a certificate: how many Wh, as 0x and hex digits. */
  amount?: string;
  /** Retirement: for whom, 1 to 200 bytes. */
  beneficiary?: string;
  /** Mandate: the most an order may pay all in, in 1e-9 currency per Wh. */
  buyPriceMax?: number;
  /** Certificates: the certificate's number, as 0x and hex digits. */
  certificate?: string;
  /** Exchange: who gives the other currency. The market of that one is in `to`. */
  dealer?: string;
  /** Exchange: unique per dealer, as 0x and hex digits. */
  dealerNonce?: string;
  /** Exchange: the dealer's signature, 64 bytes (EIP-2098). */
  dealerSignature?: string;
  /** Mandate: who may sign orders. */
  delegate?: string;
  /** All but cancellations: the last epoch second at which it may be sent. */
  expiry?: number;
  /** Exchange: the market of the currency that is given. */
  from?: string;
  /** Exchange: what is given, in major units. */
  given?: string;
  /**
   * `transfer`, `mandate`, `currency_transfer`, `exchange`, `certificate_transfer`,
   * `certificate_retirement` or `cancellation`. The fields that follow are of some of them; a
   * currency transfer has those of a transfer and the market.
   */
  kind: string;
  /** Transfer: what it belongs to, 32 bytes. */
  link?: string;
  /** Currency transfer: the market of the currency. */
  market?: string;
  /** All but mandates and cancellations: unique per account, as 0x and hex digits. */
  nonce?: string;
  /** Cancellation: of the orders that end, as 0x and hex digits. */
  nonces?: string[];
  /** Mandate: the only policy of the orders, 32 bytes. */
  policy?: string;
  /** Mandate: the most of a UTC day and side, in Wh. */
  quantityPerDay?: number;
  /** Mandate: the largest order, in Wh. */
  quantityPerSlot?: number;
  /** Mandate: the least an order may get net, in 1e-9 currency per Wh. */
  sellPriceMin?: number;
  /** Transfer: the only one who may send it; zero for anybody. */
  sender?: string;
  /** Exchange: what comes for it, in major units. */
  taken?: string;
  /** Transfers: who gets it. */
  to?: string;
  /** Mandate: epoch seconds before which orders are settled; zero ends the mandate. */
  until?: number;
  /** Mandate: higher than that of the one it replaces. */
  version?: number;
}

/** Something that someone did or was denied. */
export interface Act {
  /** What it was about: an id. */
  about: string;
  /** What was asked for: `enrol_meter`. */
  action: string;
  /** When, by the market's clock. */
  at: string;
  /** The party, or `system`, or the name that was tried at the door. */
  by: string;
  /** What came of it. */
  outcome: Outcome;
}

/** What an account has at one of its addresses, in major units. */
export interface AddressBalanceView {
  /** The address. */
  address: string;
  /** Free money. */
  free: string;
  /**
   * Start of the first slot that settles at it; absent for the one that the account was opened
   * with.
   */
  from?: string;
  /** All of it, what is locked or held included. */
  total: string;
  /** Start of the first that does not any more. */
  until?: string;
}

/** What one of the caller's addresses can trade with. */
export interface AddressCashView {
  /** The address. */
  address: string;
  /**
   * Start of the first slot that it signs orders for; absent for the one that the account was
   * opened with.
   */
  from?: string;
  /** What is held for orders, and for trades that the chain has not settled yet. */
  held: string;
  /** What a new order may hold. */
  tradable: string;
}

/** An address that an account might settle at. */
export interface AddressWish {
  /** The address. */
  address: string;
  /** Start of the first slot that settles at it; the earliest that there can be when absent. */
  from?: string;
}

/** What is not paid, by how long ago it should have been. */
export interface AgeClass {
  /** The first day overdue of the class; 0 for what is in time. */
  from_days: number;
  /** How many invoices. */
  invoices: number;
  /** What they leave, in major units. */
  left: string;
  /** The last; absent for the oldest. */
  to_days?: number;
}

/** A trade that the contract refuses all by itself. */
export interface ApartView {
  /** Whether it is given up; otherwise it is tried again from time to time. */
  closed: boolean;
  /** What the contract said, or why nothing more can be done. */
  reason: string;
  /** Since when. */
  since: string;
  /** The trade. */
  trade: string;
  /** What is refused: `reconcile` or `expire`. */
  what: string;
}

/** A request for consent. */
export interface Approval {
  /** The account whose key signs. */
  account: string;
  /**
   * What is signed counts so much, or is the limit that is wanted: in major units of a currency,
   * or in Wh.
   */
  amount: string;
  /** Its id. */
  approval: string;
  /** When. */
  decided_at?: string;
  /** Who decided: another one than who asked. */
  decided_by?: string;
  /** Until when it may be decided and used. */
  expires_at: string;
  /** What consent is asked for. */
  kind: ApprovalKind;
  /** The order, as it shall be signed. */
  order?: object;
  /** The payout, as it shall be signed. */
  payout?: object;
  /** The transfer or mandate, as it shall be signed. */
  request?: object;
  /** When. */
  requested_at: string;
  /** Who asked. */
  requested_by: string;
  /** Where it is. */
  state: ApprovalState;
  /** A currency (ISO 4217), or `Wh` of certified energy. */
  unit: string;
}

/** What consent is asked for. */
export type ApprovalKind = "order" | "payout" | "redemption" | "request" | "limit";

/** Where a request is. */
export type ApprovalState = "open" | "approved" | "refused" | "expired" | "done";

/** A payment that an invoice got. */
export interface AssignedPayment {
  /** Whose it is. */
  account: string;
  /** The invoice. */
  invoice: string;
  /** The name on chain of what was more than the invoice leaves: it goes to the wallet. */
  payment?: string;
  /** What the invoice got, in major units. */
  received: string;
}

/** Whose a payment is. */
export interface Assignment {
  /** Who gets it. */
  account: string;
}

/** An act in its place in the chain. */
export interface AuditEntry extends Act {
  /**
   * SHA-256 of `previous` (32 bytes), `place` (u64 big-endian) and, each with its length as u32
   * big-endian before it, `at`, `by`, `action`, `about` and `outcome`, in UTF-8.
   */
  hash: string;
  /** Counts from 1 without gaps. */
  place: number;
  /** `hash` of the entry before; zeros before the first. */
  previous: string;
}

/** The state of the books. */
export interface AuditView {
  /** Balances by number in the chart of accounts (debits less credits), in major units. */
  balances: Record<string, string>;
  /** The journals of the other currencies: all above is of the one that energy is traded in. */
  currencies?: CurrencyAuditView[];
  /** Entries of the journal. */
  entries: number;
  /** Entries that this audit replayed: those before were in order the last time. */
  entries_replayed: number;
  /** Hash of the newest entry: it commits to all of them. */
  head: string;
  /** Versions of intervals that came after the corrections window: what was paid stays. */
  intervals_late: number;
  /**
   * Versions of intervals that are not in the journal until the runs that follow from them are
   * final.
   */
  intervals_waiting: number;
  /** Invoices that were held against the journal. */
  invoices: number;
  /** Invoices of which something changed since, and whose correction is to come; at most 1000. */
  invoices_correcting: number;
  /** Those of them that are not in the journal yet: a moment after they were issued. */
  invoices_unposted: number;
  /** The newest 100 of those that came too late. */
  late: LateView[];
  /**
   * Tokens that the market contract holds, in major units, as of the block that the books have
   * followed; absent where the node could not say.
   */
  reserve?: string;
  /** What nobody can explain, in major units; zero when the books are in order. */
  suspense: string;
  /** Trades in the books. */
  trades: number;
  /**
   * Trades that the contract refuses all by themselves, the first 100: those that may still be
   * taken first.
   */
  trades_apart: ApartView[];
  /** Trades that wait for their first run. */
  trades_open: number;
  /** Transactions that are in no block yet. */
  transactions_pending: number;
  /** Transactions that the contracts refused; zero when everything went as it was meant to. */
  transactions_refused: number;
  /** The invariants that do not hold; empty when the books are in order. */
  violations: string[];
  /**
   * Rules that postings broke since the service started, each found as soon as its block or
   * message was over; zero when the books are in order.
   */
  violations_posted: number;
}

/** What an account has of a currency, in major units. */
export interface BalanceView {
  /** Held for energy that it sold. */
  collateral: string;
  /** The currency (ISO 4217). */
  currency: string;
  /** Held for energy that it bought. */
  escrow: string;
  /** Its own money, what was asked for as a withdrawal included. */
  free: string;
  /** Proceeds inside the challenge window. */
  locked: string;
  /**
   * Its own tokens outside of trading, which wait for a signature: to be paid out, or to go back
   * (`POST /v1/payouts/prepare` with `outside`). Not in the total; absent where no node says.
   */
  outside?: string;
  /** The same for each address that has any: `?address=` of `POST /v1/payouts/prepare` names it. */
  outside_at?: OutsideView[];
  /** All of it. */
  total: string;
}

/** What a neighbour's energy competes with in a slot. Prices in currency per kWh. */
export interface BandView {
  /** The platform's fee, paid by the buyer. */
  buyer_fee: string;
  /** What the retailer pays for a kWh fed in. */
  feed_in_price: string;
  /** What both sides gain together per kWh. */
  gain: string;
  /** The other end. */
  high?: string;
  /** Both sides gain at energy prices between `low` and `high`; absent when nobody can. */
  low?: string;
  /**
   * The grid's fee on a neighbour's energy, paid by the buyer; of a connection point that on
   * energy which stays in its zone.
   */
  network_fee: string;
  /**
   * The same for energy from each other zone to the connection point, where the market has a
   * grid; without those from which nothing can come in this slot.
   */
  paths?: PathView[];
  /**
   * What a kWh from the retailer costs that a neighbour's kWh avoids: without what is due on a
   * neighbour's energy too.
   */
  retail_price: string;
  /** The platform's fee, paid by the seller. */
  seller_fee: string;
  /** Start of the slot. */
  slot: string;
}

/** Where the members of a community pay to. */
export interface BankAccountView {
  /** What it is kept in (ISO 4217). */
  currency: string;
  /** Whose it is. */
  holder: string;
  /** The account's number. */
  iban: string;
}

/** Orders to place. */
export interface BatchBody {
  /** 1 to 100, each judged by itself in this order. */
  orders: OrderBody[];
}

/** What became of each order, in the order of the request. */
export interface BatchView {
  /** One for each order. */
  items: ItemView[];
}

/** A payout as it is signed. */
export interface BillingPayoutTerms {
  /** The address of the account. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** The contracts `token` and `market` of the currency, where it is not the first. */
  cash?: object;
  /** Whose bank account. */
  creditor: string;
  /**
   * The last second, epoch seconds, in which the market takes the withdrawal. The token takes
   * the redemption for 30 days longer.
   */
  expiry: number;
  /** The bank account, without spaces; empty where the money goes back into the wallet. */
  iban: string;
  /** 32 random bytes. */
  salt: string;
}

/** A block of the best branch. */
export interface Block {
  /** How many events its transactions emitted. */
  event_count: number;
  /** Whether it can no longer be undone. */
  finalized: boolean;
  /** Gas its transactions used. */
  gas_used: number;
  /** Hash. */
  hash: string;
  /** Height. */
  number: number;
  /** The parent's hash. */
  parent: string;
  /** The block's own time. */
  timestamp: string;
  /** How many transactions it has. */
  transaction_count: number;
}

/** A block with its transactions and the work that went into it. */
export interface BlockDetail extends Block {
  /** Its transactions, in order. */
  transactions: Transaction[];
  /** Its proof of work; absent while no node shows the header. */
  work?: ProofOfWork;
}

/** A call as any wallet sends it, without value. */
export interface CallView {
  /** The chain. */
  chain_id: number;
  /** The call data, as hex. */
  data: string;
  /** The contract. */
  to: string;
}

/** An invoice that one of the staff wants taken back. */
export interface CancellationView {
  /** Whose invoice it is. */
  account: string;
  /** Who asked. */
  asked_by: string;
  /** When. */
  at: string;
  /** What was issued: what takes the invoice back, and what it should have been. */
  corrections: string[];
  /** When. */
  decided_at?: string;
  /** Who decided. */
  decided_by?: string;
  /** The dispute that it follows from. */
  dispute?: string;
  /** Its id. */
  id: string;
  /** The invoice. */
  invoice: string;
  /** What is wrong with the invoice. */
  reason: string;
  /** `open`, `approved` or `refused`. */
  state: string;
}

/** The end of orders as it is wished. */
export interface CancellationWish {
  /** The nonces of the orders, as 0x and hex digits: 1 to 256, each once. */
  nonces: string[];
}

/** A case with what it stands on. */
export interface CaseFile extends CaseView {
  /** Orders, trades and intervals, as they were when they were judged, by slot. */
  evidence: FoundEvidence[];
  /** Pieces of evidence that there was no room for. */
  evidence_left_out: number;
}

/** A case: a reason to look, never a verdict. */
export interface CaseView {
  /** Their accounts. */
  accounts: string[];
  /** Its name. */
  case: string;
  /** When. */
  decided_at?: string;
  /** The party that decided. */
  decided_by?: string;
  /** The figures, all at or beyond their thresholds. */
  figures: FoundFigure[];
  /** When it was first found. */
  found_at: string;
  /** The rule's code, such as `W1`. */
  kind: string;
  /** The local day on which it was last found. */
  last: string;
  /** The local day on which it was first found. */
  opened: string;
  /** Whom it is about: parties. */
  owners: string[];
  /** Why somebody decided so. */
  reason?: string;
  /** How far the weakest figure is beyond its threshold, in percent: 100 to 1000. */
  score: number;
  /** 1 may well have another reason, 2 needs an explanation, 3 is hard to explain otherwise. */
  severity: number;
  /** `open`, `dismissed` or `confirmed`. */
  state: string;
  /** What the rule finds, in a few words. */
  title: string;
  /** The grid area. */
  zone: string;
}

/** What the caller can trade with. */
export interface CashView {
  /** The address at which the slot that goes on now settles, and which holds it. */
  address: string;
  /**
   * The same of each of the account's addresses, oldest first: an order is signed by the one
   * that is valid at the start of its slot, and holds its cash.
   */
  addresses: AddressCashView[];
  /** What is held for orders, and for trades that the chain has not settled yet. */
  held: string;
  /** What a new order may hold. */
  tradable: string;
}

/** Certificates, newest slot first, and what all of them come to. */
export interface CertificatePage {
  /** The certificates. */
  items: CertificateView[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
  /** By source, over all pages. */
  totals: SourceTotal[];
}

/** A transfer of certified energy as it is wished. */
export interface CertificateTransferWish {
  /** The certificate's number, 32 bytes. */
  certificate: string;
  /** Who gets it: an account's id or its address. */
  to: string;
  /** How much, in Wh. */
  wh: number;
}

/** What an account has of a certificate. */
export interface CertificateView extends AboutView {
  /** Whose. */
  account: string;
  /** The certificate's number, 32 bytes. */
  certificate: string;
  /** What the account has of it, in Wh. */
  held_wh: number;
  /** What the account used up of it, in Wh. */
  retired_wh: number;
}

/** How the chain stands. */
export interface ChainStatus {
  /** EIP-155 chain id. */
  chain_id: number;
  /** Height of the newest block that can no longer be undone. */
  finalized: number;
  /** Hash of block 0. */
  genesis_hash: string;
  /** The newest block. */
  head: HeadStatus;
  /** Other nodes that were heard lately. */
  peers: number;
  /** Transactions that wait. */
  pool_size: number;
  /** Reorganisations that were refused because they would have undone final blocks. */
  reorganisations_refused: number;
}

/** A message to sign with `personal_sign` (EIP-191). */
export interface Challenge {
  /** Until when, by the machine's clock. */
  expires_at: string;
  /** The message of Sign-In with Ethereum (EIP-4361). */
  message: string;
  /** Names the challenge; answered once. */
  nonce: string;
}

/** A challenge on its way, refused, or proven in a block. */
export interface ChallengeView extends JudgedView {
  /** When it was sent or proven. */
  at: string;
  /** Why it failed, as the contract says now. */
  reason?: string;
  /** `sent` by the relay, `failed` in a block, `cut` in a block, or `final`. */
  state: string;
  /** The transaction that proved it. */
  transaction?: string;
}

/** What is challenged, and by which readings. */
export interface ChallengeWish {
  /** The registers when the slot began, or before. */
  begin: ReadingProof;
  /** The registers when it ended, or after. */
  end: ReadingProof;
  /** Whose meter shows it: `buy` or `sell`. */
  side: string;
  /** The trade's name on chain. */
  trade: string;
}

/** The lines of one class of the invoices and their corrections, added up. Money is in major units. */
export interface ChargeRow {
  /** On the invoices and their corrections. */
  amount: string;
  /** What for: `network`, `levy`, `vat`, `retail` and so on, as invoices call it. */
  class: string;
  /** What of it is on corrections. */
  corrected: string;
  /** How many lines of corrections. */
  corrections: number;
  /** ISO 4217. */
  currency: string;
  /** Before lines were rounded. */
  exact: string;
  /** How many lines of invoices. */
  lines: number;
  /** Whether the chain has moved the money. */
  on_chain: boolean;
}

/** What a reminder added to what is due. It can be disputed with the ground `fee`. */
export interface ChargeView {
  /** How much, in major units; below zero it was taken back. */
  amount: string;
  /** When. */
  at: string;
  /** Of which step. */
  step: number;
}

/** A day of a meter as the rules left it. */
export interface CheckedDay {
  /** When it was checked last; it is again when something else is known of it. */
  checked_at: string;
  /** The local day. */
  day: string;
  /** What the ladder takes for slots that were not measured or failed. It is billed to nobody. */
  estimates: EstimateView[];
  /** What the rules found. It changes no reading and no interval. */
  findings: FindingView[];
  /** Slots that were measured. */
  measured: number;
  /** Slots of which nothing is known. */
  missing: number;
  /** Slots of the day in which the meter was there. */
  slots: number;
  /** Slots whose energy was shared out between two registers. */
  substituted: number;
}

/** The mechanism of slots from a moment on. */
export interface ChoiceView {
  /** Start of the first slot; absent for what holds where nothing was chosen. */
  from?: string;
  /** How prices and quantities are found. */
  mechanism: Mechanism;
  /** Its number in a clearing on chain; from 128 on each trade has two prices. */
  number: number;
  /** What it promises. */
  properties: object;
  /** The grid area. */
  zone: string;
}

/** An energy source. */
export interface CodeView {
  /** The code (EECS). */
  code: string;
  /** The same in words. */
  name: string;
}

/** To whose wallet invoices are paid. */
export interface CollectingAccount {
  /** An account of the community: the retailer's. */
  account: string;
}

/** A commitment to an order of a sealed slot. */
export interface CommitmentBody {
  /**
   * `keccak256(keccak256("Wattex sealed order 1") || hash of the order || salt)`, with the hash
   * that is signed (EIP-712), as hex. Follows from `deposit` where that is there.
   */
  commitment?: string;
  /**
   * What opens it, left with the market, which opens it when the gate is closed. Until then the
   * operator can read it, and no member. Without it the account opens it itself.
   */
  deposit?: OpeningBody;
  /** Start of the slot. */
  slot: string;
  /** The grid area; the community's first when absent. */
  zone?: string;
}

/** A commitment as it stands. */
export interface CommitmentView {
  /** Who sent it. */
  account: string;
  /** Its name. */
  commitment: string;
  /** When it came. */
  committed_at: string;
  /** Whether it counts as left unopened. */
  counted: boolean;
  /** Whether the market opens it. */
  deposited: boolean;
  /** Until when it is opened, once its gate is closed. */
  opened_until?: string;
  /** What was deposited, for its own account alone. */
  order?: MarketOrderTerms;
  /** The order that opened it; until the slot is cleared for its own account alone. */
  order_id?: string;
  /** Why the market does not take what was deposited: a code as of an order. */
  refused_with?: string;
  /** Start of the slot. */
  slot: string;
  /** `waiting`, `withdrawn`, `opened`, `refused` or `expired`. */
  status: string;
}

/** What a file says beside what the meter signed. */
export interface ComparedView {
  /** The file's less the signed one, in Wh. */
  difference_wh?: number;
  /** `import` or `export`. */
  direction: string;
  /** Whether all of it was measured, as the file says. */
  file_measured: boolean;
  /** What the newest file says, in Wh. */
  file_wh: number;
  /** How long. */
  minutes: number;
  /** What follows from signed readings, in Wh; absent where a slot of it is not known. */
  signed_wh?: number;
  /** From when. */
  start: string;
}

/** What files say of a meter beside what it signed. */
export interface ComparisonView {
  /** The same of what was fed in. */
  file_export_wh: number;
  /** What files say in all, in Wh, where both are known. */
  file_import_wh: number;
  /** The meter. */
  meter: string;
  /** The same of what was fed in. */
  signed_export_wh: number;
  /** What was signed in all, in Wh, where both are known. */
  signed_import_wh: number;
  /** Window by window, in order of time. */
  windows: ComparedView[];
}

/** How much of an account's trade one other account had. */
export interface ConcentrationView {
  /** The account. */
  account: string;
  /** Whether the largest part is above `counterparty_percent`, though five or more offered. */
  beyond: boolean;
  /** With how many other accounts. */
  counterparties: number;
  /** What it bought and sold. */
  energy_wh: number;
  /** The sum of the squares of all parts (Herfindahl-Hirschman): 10000 with one counterparty. */
  hhi: number;
  /** The part that the largest one had, in percent. */
  largest_percent: number;
  /** How many other accounts had orders on the other side in the slots in which it traded. */
  offered: number;
}

/** The code that was sent to the address. */
export interface Confirmation {
  /** Eight digits. */
  code: string;
}

/** A place of the grid whose energy is billed to an account. */
export interface ConnectionPoint {
  /** The account that is billed. */
  account: string;
  /** Its community. */
  community: string;
  /** Its id. */
  connection_point: string;
  /** The most it may feed in, in watts. */
  export_max_w: number;
  /** The most it may take from the grid, in watts. */
  import_max_w: number;
  /** Since when it takes part. */
  since: string;
  /** Whose local days count, as an IANA name. */
  timezone: string;
  /** Its grid area. */
  zone: string;
}

/** Something that one of the staff asked for and another one decides. */
export interface ConsentView {
  /** When. */
  asked_at: string;
  /** Who asked. */
  asked_by: string;
  /** Its name. A suspension in several grid areas has one. */
  consent: string;
  /** When. */
  decided_at?: string;
  /** Who decided. */
  decided_by?: string;
  /** Until when it can be decided. */
  expires_at: string;
  /** The limits, all of them. */
  limits?: RiskLimits;
  /** `open`, `given`, `refused` or `expired`. */
  state: string;
  /** Who may trade again: as in `/v1/suspensions/{kind}/{id}`. */
  trader?: TraderView;
  /**
   * `start` trading again, `start_all` in all zones, `resume` a suspended trader, or other
   * `limits`.
   */
  wish: string;
  /** The grid area. */
  zone: string;
}

/** Where the caller is written to. */
export interface ContactView {
  /** The address. */
  address: string;
  /** Whether the address is confirmed; nothing is sent before. */
  confirmed: boolean;
  /** The language. */
  language: string;
  /** The last letters, newest first: at most 20. */
  letters: LetterView[];
  /** Of what. */
  wants: LetterKind[];
}

/** Where and of what the caller wants to be written to. */
export interface ContactWish {
  /** An address of e-mail. */
  address: string;
  /** `en`, `en-IN`, `de`, `fr`, `nl` or `hi-Latn`; `en` when absent. */
  language?: string;
  /** Of what; `approval` is for staff. */
  wants: LetterKind[];
}

/** What a contract said. */
export interface ContractEvent {
  /** The contract's address. */
  address: string;
  /** The contract's name, where it is one of ours. */
  contract?: string;
  /** The rest as it is on chain. */
  data: string;
  /** Its fields by name; energy in Wh, amounts in 1e-9 currency as integer strings. */
  fields: object;
  /** The log's place in its block. */
  index: number;
  /** The event's name, where it is known. */
  name?: string;
  /** The indexed words as they are on chain. */
  topics: string[];
}

/** A correction in a list. */
export interface CorrectionSummary {
  /** Whose. */
  account: string;
  /** `facts`, `cancelled` or `anew`. */
  cause: string;
  /** ISO 4217. */
  currency: string;
  /** The dispute that it follows from. */
  dispute?: string;
  /** By how much what is to be paid changes; a credit is negative. */
  due: string;
  /** First local day of the invoice. */
  from: string;
  /** Its hash, as anchored. */
  hash: string;
  /** Its id. */
  id: string;
  /** The invoice that it corrects. */
  invoice: string;
  /** The invoice's number. */
  invoice_number: string;
  /** When it was issued. */
  issued_at: string;
  /** `credit_note`, `invoice` (something is added) or `corrected` (the total stays). */
  kind: string;
  /** Its number. */
  number: string;
  /** Its place among the invoice's corrections, from 1. */
  place: number;
  /** What the total is with it. */
  right: string;
  /** Last local day of the invoice. */
  to: string;
  /** By how much the total changes, in major units. */
  total: string;
}

/** A correction with its lines. */
export interface CorrectionView extends CorrectionSummary {
  /** The correction as it was issued: what its hash is taken of. */
  correction: object;
}

/** The state of the books of a currency that no energy is traded in. */
export interface CurrencyAuditView {
  /** Balances by number in the chart of accounts (debits less credits), in major units. */
  balances: Record<string, string>;
  /** The currency (ISO 4217). */
  currency: string;
  /** Entries of its journal. */
  entries: number;
  /** Entries that this audit replayed. */
  entries_replayed: number;
  /** Hash of the newest entry. */
  head: string;
  /** Tokens that its market contract holds, in major units; absent where the node could not say. */
  reserve?: string;
  /** What nobody can explain, in major units. */
  suspense: string;
  /** The invariants that do not hold; empty when the books are in order. */
  violations: string[];
}

/** A token, what stands behind it, and what is owed in it. */
export interface CurrencyReserve {
  /** What the bank account 1000 of the journal holds, in major units: the operator's statement. */
  bank: string;
  /** The calls that give `supply` and `market_holds`, for any node of the chain. */
  calls: ReserveCall[];
  /** What one token stands for (ISO 4217). */
  currency?: string;
  /** By how much they differ; absent where they are equal. */
  difference?: ReserveDifference;
  /**
   * Whether the bank account is what is owed, the tokens are what is owed but for payouts on
   * their way, and the market contract holds what is owed but for these and the tokens outside.
   */
  equal: boolean;
  /** The books of this currency. */
  journal: ReserveJournal;
  /** Address of the market contract. */
  market: string;
  /** Tokens that the market contract holds, in major units. */
  market_holds: string;
  /** What the journal owes to everybody, in major units. */
  owed: string;
  /** What that is made of. */
  owed_parts: OwedParts;
  /** All tokens that there are, in major units. */
  supply: string;
  /** Address of the token. */
  token: string;
}

/** A currency of the installation. */
export interface CurrencyView {
  /** Its code (ISO 4217). */
  code: string;
  /** Address of the market contract that holds its cash. */
  market: string;
  /** Address of its token. */
  token: string;
  /** Whether energy is traded in it. */
  traded: boolean;
}

/** Why, and what is curtailed. */
export interface CurtailmentBody {
  /** In a market of several zones, the links that carry less; all is curtailed when absent. */
  links?: LinkBody[];
  /** In words, 1 to 500 characters. Those concerned read it. */
  reason: string;
}

/** Slots in which nothing trades. */
export interface CurtailmentView {
  /** The party that decided. */
  by: string;
  /** When. */
  decided_at: string;
  /** Start of the first slot. */
  from: string;
  /** What links carry at most; absent where nothing trades. */
  links?: LinkBody[];
  /** In words. */
  reason: string;
  /** End of the last slot. */
  to: string;
  /** The grid area. */
  zone: string;
}

/** A trade that is cut. Energy in Wh; money is what a party has more than before. */
export interface CutView {
  /** To the buyer, in major units. */
  buyer_gets: string;
  /** What the buyer did not take then. */
  buyer_short_wh: number;
  /** What was reconciled as delivered. */
  delivered_before_wh: number;
  /** What is left of it. */
  delivered_wh: number;
  /** To the seller; negative where it gives back. */
  seller_gets: string;
  /** What the seller lacks then. */
  seller_short_wh: number;
  /** The trade. */
  trade: string;
}

/** What a UTC day of a community came to. */
export interface DayRecord {
  /** The UTC day. */
  day: string;
  /** What the contract says was delivered, by the last run of each, in Wh. */
  delivered_wh: number;
  /** Whether everything below adds up. */
  in_order: boolean;
  /** Intervals that meters reported, one of a connection point and slot. */
  intervals: number;
  /** Intervals that differ from the journal, and nobody knows why. */
  intervals_apart: number;
  /**
   * Intervals that differ from the journal because a version waits for its runs, or came after
   * the corrections.
   */
  intervals_waiting: number;
  /** What the others leave to be paid, in major units. */
  invoiced: string;
  /** What the journal has of it, in major units. */
  invoiced_posted: string;
  /** Invoices that were held against the journal, the newest of the community, of any day. */
  invoices: number;
  /** Those of them whose posting, or correction, is to come. */
  invoices_open: number;
  /** What meters fed in, in Wh. */
  metered_export_wh: number;
  /** What meters took from the grid, in Wh, by the newest version of each interval. */
  metered_import_wh: number;
  /** The same, fed in. */
  posted_export_wh: number;
  /** What the journal has of the same connection points and slots, taken from the grid, in Wh. */
  posted_import_wh: number;
  /** What the journal's trades say was delivered, in Wh. */
  posted_wh: number;
  /** What the journal's energy accounts say was sold by the community's connection points, in Wh. */
  sold_wh: number;
  /** What nobody can explain, in major units, by currency; only currencies with any. */
  suspense: Record<string, string>;
  /** Trades of the day that the contract has reconciled. */
  trades: number;
  /** Trades of which the journal says something else than the contract. */
  trades_apart: number;
  /** Rules of the books that do not hold, and what of the day does not add up. */
  violations: string[];
}

/** Cash of the dealer that somebody wants given to an account. */
export interface DealerTransferView {
  /** Who gets it. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** Who asked. */
  asked_by: string;
  /** When. */
  at: string;
  /** Of which currency (ISO 4217). */
  currency: string;
  /** When. */
  decided_at?: string;
  /** Who decided. */
  decided_by?: string;
  /** Why it failed, as the contract says now. */
  failure?: string;
  /** The request. */
  id: string;
  /** What for. */
  reason: string;
  /**
   * `open` or `refused`; of an approved one that of its transfer: `approved` before it is sent,
   * then `sent`, `done` or `failed`.
   */
  state: string;
  /** Its address. */
  to: string;
}

/** What somebody decides about a case, and why. */
export interface DecisionBody {
  /** `dismiss` or `confirm`. */
  decision: Verdict;
  /** In words, 1 to 500 characters. */
  reason: string;
}

/** How far a message is. */
export type DeliveryState = "waiting" | "delivered" | "failed";

/** A message to an endpoint. */
export interface DeliveryView {
  /** The HTTP status of the last answer, if there was one. */
  answered?: number;
  /** When the fact became true. */
  at: string;
  /** How often it was sent. */
  attempts: number;
  /** What is sent. */
  body: object;
  /** When it was taken or given up. */
  ended?: string;
  /** Why the last attempt came to nothing. */
  error?: string;
  /** Its id, `webhook-id`: the same in every attempt. */
  id: string;
  /** Its kind. */
  kind: string;
  /** When it is sent again at the earliest. */
  next_attempt?: string;
  /** How far it is. */
  state: DeliveryState;
}

/** A payment on its way to an account. */
export interface DepositView {
  /** Who gets it. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** Its name on chain. */
  payment: string;
}

/** What waits in a book, by price. */
export interface DepthView {
  /** Who sells, the cheapest first; at most 100 prices. */
  asks: LevelView[];
  /** Who buys, the dearest first; at most 100 prices. */
  bids: LevelView[];
  /** The price of the last trade, in currency per kWh. */
  last_price?: string;
  /** Start of the slot. */
  slot: string;
  /** How many trades there were so far. */
  trades: number;
}

/** What staff says of a meter and of the place that it measures. */
export interface DescriptionView {
  /** The last day on which its calibration counts. Readings after it are taken, and flagged. */
  calibrated_until?: string;
  /** Where it is: degrees north, in millionths. */
  latitude?: number;
  /** Degrees east, in millionths. */
  longitude?: number;
  /** Rated power of the PV modules there, in watts. */
  modules_w?: number;
  /** Is there something that feeds in without the sun: a battery, a car, an engine? */
  storage?: boolean;
}

/** How a dispute stands. */
export type DisputeState = "open" | "upheld" | "rejected" | "withdrawn";

/** A dispute in a list. */
export interface DisputeSummary {
  /** Whose invoice it is. */
  account: string;
  /** When it was opened. */
  at: string;
  /** When it ended. */
  ended?: string;
  /** What it is about. */
  ground: Ground;
  /** Its id. */
  id: string;
  /** The invoice. */
  invoice: string;
  /** The line of the invoice, from one on; absent for the whole. */
  line?: number;
  /** The invoice's number. */
  number: string;
  /** How it stands. */
  state: DisputeState;
}

/** A dispute with what was said in it. */
export interface DisputeView extends DisputeSummary {
  /** The correction that it caused. */
  correction?: string;
  /** What was said, oldest first. */
  said: SaidView[];
}

/** A meter that was put to work. Never printed: it may hold a token. */
export interface EnrolledMeter extends Meter {
  /** What it logs in to the broker with. Told this once: only a hash of it is kept. */
  token?: string;
}

/** What was erased. */
export interface ErasureView {
  /** The first local day that stays. */
  before: string;
  /** When it was ordered. */
  ordered_at: string;
  /** The account that ordered it; `retention` where the settings did. */
  ordered_by: string;
  /** Readings that are gone by it. */
  readings: number;
}

/** What the ladder takes for a slot. */
export interface EstimateView {
  /** `import` or `export`. */
  channel: string;
  /** How much, in Wh. */
  energy_wh: number;
  /** The rung: `E1-LIKE`, `E2`, `E3`. */
  method: string;
  /** `substituted`, or `estimated` where nothing after it was read yet. */
  quality: string;
  /** The slot's start. */
  slot: string;
}

/** Slots one after the other whose energy was estimated, at a connection point. */
export interface EstimatedRow {
  /** Who is billed there. */
  account: string;
  /** Where. */
  connection_point: string;
  /** Fed into the grid. */
  export_wh: number;
  /** Start of the first slot. */
  from: string;
  /** The grid operator's address; absent where the community has several. */
  grid_operator?: string;
  /** Taken from the grid. */
  import_wh: number;
  /** How: `E1`, the advance of the registers shared out evenly. */
  method: string;
  /** Who supplies the community, by the name on its documents; absent where there is none. */
  retailer?: string;
  /** How many slots. */
  slots: number;
  /** End of the last slot. */
  until: string;
}

/** What an endpoint can be told of. */
export type EventKind = "account.opened" | "approval.requested" | "books.questioned" | "connection_point.registered" | "dispute.opened" | "dispute.decided" | "invoice.corrected" | "buying.changed" | "invoice.issued" | "invoice.paid" | "invoice.overdue" | "meter.enrolled" | "meter.rotated" | "meter.revoked" | "prepaid.changed" | "prepaid.suspended" | "prepaid.resumed" | "reading.quarantined" | "slot.cleared" | "slot.reconciled" | "tariff.published" | "trading.stopped" | "trading.resumed";

/** A reading as `Challenges.challenge` takes it. Bytes as hex with `0x`. */
export interface EvidenceView {
  /** The batch of the period, from 1. */
  batch: number;
  /** The community as contracts know it. */
  community: string;
  /** Leaves under the root. */
  count: number;
  /** Which of them the reading is. */
  index: number;
  /**
   * The bytes of the reading alone: payload and signature (119 bytes), and its place where it
   * was signed with others.
   */
  message: string;
  /** Siblings from the leaf up. */
  path: string[];
  /**
   * The period of the root on chain: the start of the slot that ends with the reading, epoch
   * seconds.
   */
  period: number;
  /** The root that was handed to the chain. */
  root: string;
  /** The salt of its leaf. */
  salt: string;
}

/** An exchange on its way to the chain, or there. */
export interface ExchangeView {
  /** Whose. */
  account: string;
  /** When it was ordered. */
  at: string;
  /** What is given. */
  from: string;
  /** How much is given, in major units. */
  given: string;
  /** The order. */
  id: string;
  /** The quote. */
  quote: string;
  /** Why it failed, as the contract says now. */
  reason?: string;
  /** `sent`, `done`: both, or `failed`: neither. */
  state: string;
  /** How much comes for it, in major units. */
  taken: string;
  /** What comes for it. */
  to: string;
}

/** Where the cash of a trade went, in total. */
export interface ExplorerOutcome {
  /** What the buyer did not take, in Wh. */
  buyer_short_wh: number;
  /** From the collateral back to the seller. */
  collateral_back: string;
  /** From the escrow to the seller for energy not taken. */
  compensation: string;
  /** What was delivered, in Wh. */
  delivered_wh: number;
  /** To the community's pot: what the buyer pays above what the seller gets. */
  difference: string;
  /** From who was short to who balances the grid. */
  imbalance: string;
  /** From the collateral to the buyer. */
  make_whole: string;
  /** To the network. */
  network: string;
  /** To the platform. */
  platform: string;
  /** From the escrow back to the buyer. */
  refund: string;
  /** Which reconciliation this is, from 0; 255 for a trade that expired. */
  run: number;
  /** To the seller for energy. */
  seller_net: string;
  /** What the seller owed, in Wh. */
  seller_short_wh: number;
}

/** A held key on its way to its owner. Never printed. */
export interface ExportedKey {
  /** The key, under the passphrase. */
  keystore: Keystore;
  /** What the key is worth. */
  notice: string;
}

/** What a connection point fed in. */
export interface FedIn {
  /** Where. */
  connection_point: string;
  /** How much. */
  export_wh: number;
}

/** Something that happened. */
export interface FeedEvent {
  /** Since when it is true; absent in news of before that was kept. */
  at?: string;
  /** The block that says so; absent where no block does. */
  block?: number;
  /** What the stream carries. */
  body: object;
  /** Its place in the feed; rises, with gaps. */
  id: number;
  /** What it is, as the stream calls it. */
  kind: FeedKind;
  /** What it is, as the market's rules call it. */
  name: string;
}

/** What happened. */
export type FeedKind = "block" | "block_removed" | "book_changed" | "readings_stored" | "account_registered" | "meter_registered" | "meter_rotated" | "meter_revoked" | "deposit_credited" | "withdrawal_requested" | "withdrawal_paid" | "order_committed" | "order_revealed" | "order_cancelled" | "order_expired" | "order_rejected" | "gate_closed" | "slot_cleared" | "trade_created" | "escrow_locked" | "escrow_released" | "curtailed" | "readings_anchored" | "slot_reconciled" | "penalty_applied" | "compensation_paid" | "challenged" | "resolved" | "invoice_issued" | "invoice_cancelled" | "invoice_corrected" | "invoice_paid" | "tariff_published" | "risk_limit_changed" | "kill_switch" | "parameter_changed" | "anchor_missing";

/** What became of a file, row by row. */
export interface FileReport {
  /** The file. */
  file: FileView;
  /** Its rows that are not taken, in order; the first 10000 are kept, all are counted. */
  rows: Page<{
    /** Why, as a stable code. */
    code: string;
    /** The field's number in the line, from 1, where lines have fields. */
    column?: number;
    /** The column, element or field. */
    field: string;
    /** Well understood and not wanted: nobody has to mend the file. */
    left_out: boolean;
    /** The line, from 1. */
    line: number;
    /** A sentence for people. */
    text: string;
  }>;
}

/** A file that was sent, and what became of it. */
export interface FileView {
  /** How long it is. */
  bytes: number;
  /** SHA-256 of its bytes, of the meter and of how it is read. */
  file: string;
  /** `nem12`, `greenbutton` or `csv`. */
  format: string;
  /** Intervals that were kept. */
  intervals: number;
  /** Rows that are well understood and not wanted, such as other meters'. */
  left_out: number;
  /** The meter it was sent for. */
  meter: string;
  /** That meter's name in it. */
  name: string;
  /** When it came first. */
  received_at: string;
  /** Why it is read no further. */
  refusal?: string;
  /** Rows that are not taken. */
  rejected: number;
  /** Who sent it first. */
  sent_by: string;
  /**
   * `done`; `open` where taking it in was cut short, and sending it again goes on; `refused`
   * where it can be read no further.
   */
  state: string;
  /**
   * Always `unsigned`: its energies are kept beside the signed ones, and no bill and no trade
   * rests on them.
   */
  trust: string;
}

/** What a rule found. */
export interface FindingView {
  /**
   * `warn`: somebody should know. `flag`: it counts, and is marked. `fail`: it is not to be
   * believed, or was not, where messages are meant.
   */
  action: string;
  /** `import` or `export`, where it is about one of them. */
  channel?: string;
  /** What, as a stable code. */
  code: string;
  /** The values that led to it; each name ends in its unit. */
  evidence: Record<string, number>;
  /** From when. */
  from: string;
  /** The other meter that it is about; for staff alone. */
  other_meter?: string;
  /** `V1` to `V12`, or `CALIBRATION`. */
  rule: string;
  /** Until when. */
  to: string;
}

/** What a link carried in a slot. */
export interface FlowView {
  /** How much. */
  energy_wh: number;
  /** Out of which zone. */
  from: string;
  /** What it earned by being full, in currency. */
  rent: string;
  /** Into which. */
  to: string;
}

/** A fact that a case stands on, as it was. */
export type FoundEvidence = {
  /** Whose it is. */
  account: string;
  /** When it was taken back, if it was. */
  cancelled?: string;
  kind: "order";
  /** A buyer's all-in limit, a seller's net limit, in currency per kWh. */
  limit: string;
  /** Its name. */
  order: string;
  /** When it was accepted. */
  placed: string;
  /** How much at most. */
  quantity_wh: number;
  /** `buy` or `sell`. */
  side: string;
  /** The start of its slot. */
  slot: string;
} | {
  /** The buyer's order. */
  buy_order: string;
  /** The energy price that the buyer pays, in currency per kWh. */
  buy_price: string;
  kind: "trade";
  /** How much. */
  quantity_wh: number;
  /** The seller's order. */
  sell_order: string;
  /** The energy price that the seller gets. */
  sell_price: string;
  /** The start of its slot. */
  slot: string;
} | {
  /** Where, and how much: of every connection point that is known. */
  fed_in: FedIn[];
  kind: "interval";
  /** Whose. */
  owner: string;
  /** The start of the slot. */
  slot: string;
};

/** A figure with its threshold. */
export interface FoundFigure {
  /** Whether the threshold is the most that is suspicious, and not the least. */
  at_most: boolean;
  /** What it is at least, or at most. */
  threshold: number;
  /** In what. */
  unit: string;
  /** How much. */
  value: number;
  /** What was measured. */
  what: string;
}

/** Pages that never came. */
export interface Gap {
  /** The first page that is not there. */
  from_page: number;
  /** The last page that is not there. */
  to_page: number;
}

/** What is shown at the door. Never printed: it holds secrets. */
export type Grant = {
  /** The address. */
  email: string;
  grant: "password";
  /** The password. */
  password: string;
} | {
  grant: "refresh";
  /** The token. */
  refresh_token: string;
} | {
  grant: "signature";
  /** The message: the one of a challenge, or another for its domain, chain and nonce. */
  message: string;
  /**
   * The signature of the message (`personal_sign`) in hex: 65 or 64 bytes of a key, or at
   * most 1024 that a contract account takes.
   */
  signature: string;
};

/** What an invoice is wrong about, as who disputes it sees it. */
export type Ground = "reading" | "trade" | "tariff" | "payment" | "fee" | "other";

/** A claim that was handed over. */
export interface HandedOverView extends Receivable {
  /** What reminders added to it, in major units; in what is left. */
  fees: string;
  /** When it was handed over. */
  handed_over_at: string;
}

/** The newest block. */
export interface HeadStatus {
  /** Expected number of hashes for the block, as a decimal string. */
  difficulty: string;
  /** Hash. */
  hash: string;
  /** Height. */
  number: number;
  /** The block's own time, RFC 3339. */
  timestamp: string;
  /** The same for all blocks together. */
  total_difficulty: string;
}

/** One thing that a search found. */
export interface Hit {
  /** Its number, hash or address. */
  id: string;
  /** What it is. */
  kind: HitKind;
}

/** What a thing is. */
export type HitKind = "block" | "transaction" | "trade" | "address";

/** What a search found. */
export interface Hits {
  /** Everything that has this name; empty where nothing does. */
  items: Hit[];
}

/** The energy of a connection point in one slot, as it is or was known. */
export interface IntervalView {
  /** The connection point. */
  connection_point: string;
  /** Fed into the grid, in Wh. */
  export_wh: number;
  /** Taken from the grid, in Wh. */
  import_wh: number;
  /** Since when it is known. */
  known_at: string;
  /** The meter. */
  meter: string;
  /** The method of a substituted value. */
  method?: string;
  /** `measured`, `substituted` or `missing`. */
  quality: string;
  /** The slot's start. */
  slot: string;
  /** How long the slot lasts. */
  slot_minutes: number;
  /** 1, then one more with every correction. */
  version: number;
}

/** Which invoice a payment is for. */
export interface InvoiceAssignment {
  /** The invoice. */
  invoice: string;
}

/** What an invoice leaves to be paid, and how to pay it. */
export interface InvoicePaymentView {
  /** Whether it can be paid out of a wallet, and given back into one. */
  by_wallet: boolean;
  /** Each of those fees, oldest first; below zero it was taken back. */
  charges: ChargeView[];
  /** By how much corrections changed that. */
  corrected: string;
  /** What the account gets back: a credit, or what came in for more than is due by now. */
  credit: string;
  /** ISO 4217. */
  currency: string;
  /** Days that are over since. */
  days_overdue: number;
  /** Whether a dispute about it is open: nobody is reminded then. */
  disputed: boolean;
  /** What is to be paid of it, its corrections and fees, in major units; a credit is negative. */
  due: string;
  /** The last local day on which paying it is in time. */
  due_on: string;
  /** What its reminders added to what is due, less what was taken back. */
  fees: string;
  /** Whose bank account that is. */
  holder?: string;
  /** The bank account to pay to; absent where none is said. */
  iban?: string;
  /** What is left to be paid. */
  left: string;
  /** What comes next if nothing is paid; absent where it is paid, disputed or at the top. */
  next?: NextStepView;
  /** What came in for it. */
  paid: string;
  /** What came in, oldest first. */
  payments: ReceivedView[];
  /** What a transfer says (ISO 11649), so that it is known what it is for. */
  reference: string;
  /** The steps that it has taken, oldest first. */
  reminders: ReminderView[];
  /** `open`, `overdue`, `paid`, `nothing` (there is nothing to pay) or `credit`. */
  state: string;
}

/** An invoice in a list. */
export interface InvoiceSummary {
  /** Whose. */
  account: string;
  /** ISO 4217. */
  currency: string;
  /** What is still to be paid; a credit is negative. */
  due: string;
  /** First local day. */
  from: string;
  /** Its hash, as anchored. */
  hash: string;
  /** Its id. */
  id: string;
  /** When it was issued. */
  issued_at: string;
  /** Its number. */
  number: string;
  /** Last local day. */
  to: string;
  /** Sum of its lines, in major units. */
  total: string;
}

/** An invoice with its lines. */
export interface InvoiceView extends InvoiceSummary {
  /** The invoice as it was issued: what its hash is taken of. */
  invoice: object;
}

/** A trade whose energy is certified, or is to be. */
export interface IssueView {
  /** The seller. */
  account: string;
  /** The certificate's number. */
  certificate?: string;
  /** When it is tried again. */
  next_try?: string;
  /** Why it was refused. */
  reason?: string;
  /** Start of the slot. */
  slot: string;
  /** `waiting`, `sent`, `issued`, `refused`: is tried again, or `given_up`. */
  state: string;
  /** The trade. */
  trade: string;
  /** What was delivered, in Wh. */
  wh: number;
}

/** What became of an order: either `order` or `problem`. */
export interface ItemView {
  /** The order as it stands. */
  order?: OrderView;
  /** Why it was refused (RFC 9457). */
  problem?: object;
  /** The status that the order alone would have been answered with. */
  status: number;
}

/** For which slots an account joins. */
export interface JoinBody {
  /** Start of the first slot; the next one when absent. */
  from?: string;
  /** Start of the first slot without it; open when absent. */
  until?: string;
}

/** A check of the whole journal: that no entry was changed, and what must be true of its balances. */
export interface JournalCheck {
  /** When. */
  at: string;
  /** Entries from the first to the newest of then. */
  entries: number;
  /** Rules that did not hold; zero when the journal was in order. */
  violations: number;
}

/** What a challenge comes to. */
export interface JudgedView {
  /** The address that bought or sold there. */
  address: string;
  /** To the buyers, in all. */
  buyers_get: string;
  /** Where the meter is. */
  connection_point: string;
  /** What is cut; nothing where all fits. */
  cuts: CutView[];
  /** How much of that is above the registers. */
  excess_wh: number;
  /** What was reconciled as delivered of all its trades on this side. */
  reconciled_wh: number;
  /** What the meter registered in the slot. */
  registered_wh: number;
  /** To the sellers, in all. */
  sellers_get: string;
  /** Whose meter it is: `buy` or `sell`. */
  side: string;
  /** Start of the slot. */
  slot: string;
  /** The trade that was asked for. */
  trade: string;
}

/** A public key (RFC 8037). */
export interface Jwk {
  /** `EdDSA`. */
  alg: string;
  /** `Ed25519`. */
  crv: string;
  /** The key's id. */
  kid: string;
  /** `OKP`. */
  kty: string;
  /** `sig`. */
  use: string;
  /** The public key, in base64url. */
  x: string;
}

/** The wish to take a held key away. Never printed: it holds secrets. */
export interface KeyExport {
  /** What the keystore opens with: as long as a password, and not the password. */
  passphrase: string;
  /** The password of the account, once more. */
  password: string;
}

/** The answer to a challenge. */
export interface KeyProof {
  /** The address of the key, or of the contract account. */
  address: string;
  /** The challenge. */
  nonce: string;
  /**
   * The signature of its message (`personal_sign`): of the key, or at most 1024 bytes that the
   * contract takes (ERC-1271).
   */
  signature: string;
}

/** An encrypted key that other wallets open with its passphrase. */
export interface Keystore {
  /** The address of the key, as 40 hex digits. */
  address: string;
  /** The key. */
  crypto: KeystoreCrypto;
  /** Names the keystore. */
  id: string;
  /** 3. */
  version: number;
}

/** How the key of a keystore is encrypted. */
export interface KeystoreCipher {
  /** Where the counter begins. */
  iv: string;
}

/** The encrypted key of a keystore; bytes in hex. */
export interface KeystoreCrypto {
  /** `aes-128-ctr`. */
  cipher: string;
  /** How it is encrypted. */
  cipherparams: KeystoreCipher;
  /** The encrypted key. */
  ciphertext: string;
  /** `scrypt`. */
  kdf: string;
  /** How the passphrase is stretched. */
  kdfparams: KeystoreKdf;
  /** Tells a right passphrase from a wrong one. */
  mac: string;
}

/** How the passphrase of a keystore is stretched. */
export interface KeystoreKdf {
  /** Bytes derived. */
  dklen: number;
  /** The cost of scrypt. */
  n: number;
  /** Its parallelism. */
  p: number;
  /** Its block size. */
  r: number;
  /** Its salt. */
  salt: string;
}

/** What follows where invoices are not paid, and who said so. */
export interface LadderView {
  /** When. */
  at?: string;
  /** Nobody who owes less is reminded, in major units. */
  least: string;
  /** Who set it; absent where nobody did. */
  set_by?: string;
  /** In rising order of their days. */
  steps: StepBody[];
}

/** A version of an interval that came after the corrections window. */
export interface LateView {
  /** When it came. */
  at: string;
  /** Where. */
  connection_point: string;
  /** What the meter gave out, by this version. */
  export_wh: number;
  /** What the meter took in, by this version. */
  import_wh: number;
  /**
   * Whether it is in the energy journal: then the retailer's part took the difference. Otherwise
   * what was paid does not fit it.
   */
  posted: boolean;
  /** Start of the slot. */
  slot: string;
  /** Which version. */
  version: number;
}

/** What a person wants to be written. */
export type LetterKind = "bill" | "reminder" | "dispute" | "approval";

/** A letter to the caller. */
export interface LetterView {
  /** When what it tells became true. */
  at: string;
  /** Why it was not taken, as far as the mail server says. */
  error?: string;
  /** How far it is. */
  state: DeliveryState;
  /** Its subject. */
  subject: string;
}

/** Open orders of one side at one price. */
export interface LevelView {
  /** Of how many orders. */
  orders: number;
  /** The price of the energy alone, in currency per kWh: what trades there. */
  price: string;
  /** What is open. */
  quantity_wh: number;
}

/** What the link above a zone carries at most. */
export interface LinkBody {
  /** Into the zone, in Wh a slot; as it is when absent. */
  down_wh?: number;
  /** Out of the zone, in Wh a slot; as it is when absent. */
  up_wh?: number;
  /** The zone at its lower end. */
  zone: string;
}

/** A mandate as it is wished. */
export interface MandateTerms {
  /**
   * The most that an order to buy may pay all in, in 1e-9 currency per Wh; nothing is bought
   * without.
   */
  buy_price_max?: number;
  /** Who may sign: an account's id or an address. */
  delegate: string;
  /** The policy of the orders, 32 bytes; the community's only one when absent. */
  policy?: string;
  /** The most of each side and UTC day, in Wh. */
  quantity_per_day?: number;
  /** The largest order of each side and slot, in Wh. */
  quantity_per_slot?: number;
  /**
   * The least that an order to sell may get net, in 1e-9 currency per Wh; nothing is sold
   * without.
   */
  sell_price_min?: number;
  /** Before when; without it the mandate ends. */
  until?: string;
}

/** What an account lets a delegate sign, as the newest blocks say. */
export interface MandateView {
  /** The most an order to buy may pay all in, in 1e-9 currency per Wh. */
  buy_price_max: number;
  /** Who may sign. */
  delegate: string;
  /** The only policy of the orders. */
  policy: string;
  /** The most of each side and UTC day. */
  quantity_per_day_wh: number;
  /** The largest order of each side and slot. */
  quantity_per_slot_wh: number;
  /** Whether that is who signs for standing rules. */
  rules: boolean;
  /**
   * The least an order to sell may get net, in 1e-9 currency per Wh, as a decimal number: a
   * mandate without sales has a larger one than a JSON number holds.
   */
  sell_price_min: string;
  /** Before when; absent where it ended. */
  until?: string;
}

/** The terms that an account signs (EIP-712 `Order`). */
export interface MarketOrderTerms {
  /** The address that signs and pays. */
  account: string;
  /** The community. */
  community: string;
  /** Where the energy is metered. */
  connectionPoint: string;
  /** Who else may sign, where the account has granted it; zero: only the account. */
  delegate: string;
  /** The last epoch second at which the order may be settled. */
  expiry: number;
  /** 1e-9 currency per Wh: a buyer's all-in, a seller's net of the platform fee. */
  limitPrice: number;
  /** The least that may be filled, in Wh. */
  minFill: number;
  /** Unique per account, as hex. */
  nonce: string;
  /** The policy's hash. */
  policy: string;
  /** The most that may be filled, in Wh. */
  quantity: number;
  /** `buy` or `sell`. */
  side: string;
  /** Start of the slot, epoch seconds. */
  slot: number;
  /** The grid area. */
  zone: string;
}

/** How a market runs. */
export interface MarketView {
  /** The caller's cash, where it has an account. */
  cash?: CashView;
  /** The chain that orders are signed for. */
  chain_id: number;
  /** The community. */
  community: string;
  /** The contracts' addresses; orders are signed for `market`. */
  contracts: object;
  /** From how many known days on that holds. */
  forecast_days_min: number;
  /**
   * The most that a connection point may offer in a slot, in percent of the most it has fed in
   * at that time of day in the last 30 days.
   */
  forecast_percent: number;
  /** Seconds between the gate and the start of a slot. */
  gate_seconds: number;
  /**
   * Its zones and links, where it has several: fees in 1e-9 currency per Wh, capacities in Wh a
   * slot. An order names the market's `zone`; where it stands follows from its connection point.
   */
  grid?: object;
  /** Seconds between the opening of a slot's book and its start. */
  horizon_seconds: number;
  /** The smallest order. */
  lot_min_wh: number;
  /** How prices of slots are found whose book opens now; `/v1/mechanisms` has what was chosen. */
  mechanism: Mechanism;
  /** The market's clock. */
  now: string;
  /** The policy itself, as both sides sign it. */
  policy: object;
  /** The hash of the policy that orders must name. */
  policy_id: string;
  /**
   * What is done about orders of one party that would meet before the gate: `refuse`,
   * `cancel_newest`, `cancel_oldest`, `cancel_both` or `decrement`.
   */
  self_trade: string;
  /** How long a slot lasts, in minutes. */
  slot_minutes: number;
  /** Why nobody may trade, if so. */
  stopped?: StopView;
  /** A limit is a multiple of this, in 1e-9 currency per Wh. */
  tick: number;
  /** Whose local days count. */
  timezone: string;
  /** The grid area. */
  zone: string;
}

/** How prices and quantities are found. */
export interface Mechanism {
  /**
   * Where between the low and the high end of what is possible the price lies, 0 to 10000:
   * `uniform` and `k_pricing`.
   */
  k_bps?: number;
  /** Such as `uniform`. */
  name: string;
  /** The price that is given, in currency per kWh: `fixed_price` and the allocations. */
  price?: string;
}

/** A standing membership. */
export interface MembershipView {
  /** Whose. */
  account: string;
  /** Where its energy is metered. */
  connection_point: string;
  /** Start of its first slot. */
  from: string;
  /** Why its newest order was refused, so that it got nothing of that slot, if it was. */
  refused?: RefusalView;
  /** Its share of what is generated now, in basis points, where one is set. */
  share_bps?: number;
  /** Start of the first slot without it. */
  until?: string;
  /** `NO_MANDATE` where the account has granted the delegate nothing that it needs. */
  warnings: string[];
}

/** Memberships, and what a member signs for. */
export interface MembershipsView {
  /**
   * What a mandate has to let it buy for at least, all in, in 1e-9 currency per Wh; absent where
   * nothing is shared.
   */
  buy_limit?: number;
  /** Who signs for members: the account grants this address a mandate. */
  delegate: string;
  /** The caller's own; for staff all. */
  items: MembershipView[];
  /** How, in the next slot. */
  mechanism: Mechanism;
  /** The policy that the mandate names. */
  policy: string;
  /** What a mandate has to let it sell for at most, net, in 1e-9 currency per Wh. */
  sell_limit?: number;
  /** Whether what members feed in is shared out after each slot. */
  shared: boolean;
}

/** A device that measures at a connection point, with its newest key. */
export interface Meter {
  /** The account there. */
  account: string;
  /** Its community. */
  community: string;
  /** Where it measures. */
  connection_point: string;
  /** The address of the key it signs with. */
  key: string;
  /** Its id. */
  meter: string;
  /** Since when the key no longer counts. */
  revoked_at?: string;
  /** What is printed on it. */
  serial: string;
  /** From when its readings count. */
  valid_from: string;
  /** The how many-th key it is. */
  version: number;
}

/** How a meter is doing. */
export interface MeterStatus {
  /** Where it measures. */
  connection_point: string;
  /** What staff says of it. */
  description?: DescriptionView;
  /** The version of its software on the highest page. */
  firmware?: number;
  /** Its first page. */
  first_page?: number;
  /** The first 100 holes in its pages. */
  gaps: Gap[];
  /** Register of what was fed into the grid on the highest page, in Wh. */
  last_export_wh?: number;
  /** Register of what was taken from the grid on the highest page, in Wh. */
  last_import_wh?: number;
  /** Its last page. */
  last_page?: number;
  /** The time of its latest registers. */
  last_reading?: string;
  /** When its last reading was stored. */
  last_seen?: string;
  /** The meter. */
  meter: string;
  /** How many pages are stored. */
  pages: number;
  /** How many of its messages were not believed, repeats counted. */
  quarantined: number;
  /** Since when they no longer count. */
  revoked_at?: string;
  /** What is printed on it. */
  serial: string;
  /** From when its readings count. */
  valid_from: string;
  /**
   * What somebody has to see to: `CALIBRATION_EXPIRED`, `PAGES_MISSING`, `QUARANTINED`;
   * `ROTATION_MISSED` and `ENROLMENT_MISSED` where the registry has not taken its next key, or
   * its owner: it is to be enrolled again.
   */
  warnings: string[];
}

/** An address that an account is to settle at. Never printed: it may hold a password. */
export interface NewAddress {
  /** The address, whose key the owner has, or a contract that takes signatures (ERC-1271). */
  address: string;
  /**
   * By the address, for each meter that the account has: EIP-712 `Enrolment` of the registry,
   * with the next version and the key that the meter has.
   */
  enrolments?: OwnedMeter[];
  /** The same by the address before, where its owner alone has the key. */
  former_signature?: string;
  /**
   * Start of the first slot that settles at it: a local midnight, at most a hundred days ahead
   * and twelve hours more than orders may be placed ahead.
   */
  from: string;
  /** The account's password, once more, where the key of the address before is held here. */
  password?: string;
  /**
   * By the address: EIP-712 `Succession(address account,address successor,uint64 from)` in the
   * domain `Wattex Identity`, version 1, of the chain and the market's contract.
   */
  signature: string;
}

/** Why an invoice is to be taken back and issued anew. */
export interface NewCancellation {
  /** An upheld dispute of the invoice that it follows from. */
  dispute?: string;
  /** What is wrong with it, in 1 to 1000 characters. */
  reason: string;
}

/** Whose key shall be proved. */
export interface NewChallenge {
  /** The address of the key. */
  address: string;
  /** Where the web app is that asks, as the browser names it; the first known one when absent. */
  origin?: string;
}

/** How a code shall be. */
export interface NewCode {
  /** How long it counts: 60 seconds to a week, a day when absent. */
  seconds?: number;
}

/** A connection point that joins. */
export interface NewConnectionPoint {
  /** The account that is billed. */
  account: string;
  /** Its id; made up when absent. The same id with the same content is answered as before. */
  connection_point?: string;
  /** The most it may feed in, in watts; zero without generation. */
  export_max_w: number;
  /** The most it may take from the grid, in watts. */
  import_max_w: number;
  /** Whose local days count, as an IANA name. */
  timezone: string;
  /** Its grid area. */
  zone: string;
}

/** Cash of the dealer that an account is to have. */
export interface NewDealerTransfer {
  /** Who gets it: an account of the community. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** Of which currency (ISO 4217); of the one that energy is traded in when absent. */
  currency?: string;
  /** What for, 1 to 1000 characters. */
  reason: string;
}

/** A payment that arrived. */
export interface NewDeposit {
  /** Who gets it. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** Of which currency (ISO 4217); of the one that energy is traded in when absent. */
  currency?: string;
}

/** A device that enrols itself. Never printed: it holds a code and may hold a token. */
export interface NewDevice {
  /** The code of its connection point. */
  code: string;
  /** The address of the key that it signs with from now on. */
  key: string;
  /** The owner's signature of the enrolment, where the owner alone has the key. */
  owner_signature?: string;
  /**
   * By that key: `keccak256("WP1" || keccak256(code) || key || keccak256(serial))`, the code in
   * capitals without dashes. 64 bytes in hex.
   */
  proof: string;
  /** What is printed on it. */
  serial: string;
  /**
   * What it will log in to the broker with, 16 to 256 characters; made up when absent. With a
   * token of its own a device that has not heard the answer may ask again.
   */
  token?: string;
}

/** What is wrong with an invoice. */
export interface NewDispute {
  /** What it is about. */
  ground: Ground;
  /** The line of the invoice that it is about, from one on; the whole when absent. */
  line?: number;
  /** What is wrong, in 1 to 4000 characters. */
  text: string;
}

/** What is to be erased. */
export interface NewErasure {
  /** The first local day that stays. */
  before: string;
}

/** Which days of which account are billed. */
export interface NewInvoice {
  /** Whose. */
  account: string;
  /** First local day. */
  from: string;
  /** Last local day. */
  to: string;
}

/** A meter's next key. */
export interface NewKey {
  /** Until when the registry may take it, an hour to a week after `from`. */
  expiry: string;
  /** The first page that it signs; all before are the old key's. */
  first_page: number;
  /** The time of its first reading, a slot boundary a minute to a day ahead. */
  from: string;
  /** Its address. */
  key: string;
  /**
   * By the next key: `keccak256("WR1" || meter || key || version u32 || first_page u32 ||
   * from u64)`, integers big-endian. 64 bytes in hex.
   */
  proof: string;
  /** By the old key: EIP-712 `Rotation` of the registry. 64 bytes in hex. */
  signature: string;
  /** The how many-th key it is: one more than the meter has had. */
  version: number;
}

/** What follows where invoices are not paid. */
export interface NewLadder {
  /** Nobody who owes less is reminded, in major units; `0` when absent. */
  least?: string;
  /** In rising order of their days; at most 8, the first a reminder or a fee. */
  steps: StepBody[];
}

/** A meter that is put to work. Never printed: it may hold a token. */
export interface NewMeter {
  /** Where it measures. */
  connection_point: string;
  /** The address of the key it signs with. */
  key: string;
  /**
   * Its id; made up when absent. The same id with the same content is answered as before; after
   * a revocation it gets its next key.
   */
  meter?: string;
  /**
   * The owner's signature of the enrolment, where the owner alone has the key, or is a contract
   * that takes it (ERC-1271).
   */
  owner_signature?: string;
  /** What is printed on it. */
  serial: string;
  /** What it logs in to the broker with, 16 to 256 characters; made up when absent. */
  token?: string;
  /** From when its readings count; now when absent. */
  valid_from?: string;
}

/** A quote that the account has signed. */
export interface NewOrder {
  /** Which one. */
  quote: string;
  /**
   * The account's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
   * (ERC-1271).
   */
  signature: string;
}

/** Someone who signs up. Never printed: it holds a password. */
export interface NewParty {
  /** Where the party logs in; one party each. */
  email: string;
  /** The name, which staff and the party itself see. */
  name: string;
  /** The party's own key; without it one is made and held. */
  own_key?: KeyProof;
  /** At least twelve characters. Not needed with a key of one's own. */
  password?: string;
  /** The name that others see; made up when absent. */
  pseudonym?: string;
  /** `consumer` or `prosumer`; another only when an admin asks. */
  role: string;
}

/** A payout that is asked for. */
export interface NewPayout {
  /** How much, in major units. */
  amount: string;
  /**
   * Whose bank account, 1 to 70 characters; left out with `iban` where the money goes back into
   * the wallet.
   */
  creditor?: string;
  /** As it was wished. */
  currency?: string;
  /** As it was prepared, epoch seconds. */
  expiry: number;
  /** The bank account. */
  iban?: string;
  /** The account's signature for the token, the same way. */
  redemption_signature: string;
  /** As it was prepared. */
  salt: string;
  /**
   * The account's signature for the market: 64 bytes (EIP-2098), or at most 1024 that its
   * contract takes (ERC-1271). Absent where the money is outside of trading.
   */
  withdrawal_signature?: string;
}

/** How a community has accounts that pay before they use. */
export interface NewPrepaidSettings {
  /** From when on an account buys nothing from neighbours. */
  buying_stops: StopsAt;
  /** How far below nothing a balance may go, in major units. */
  credit: string;
  /** The first hour of a day in which a supply may be suspended, from 6. */
  from_hour: number;
  /** Days on which none is, beside weekends; rising, at most 400. */
  holidays?: string[];
  /** A balance is low that lasts for less than so many days, 1 to 60. */
  low_days: number;
  /** Hours between what the household is told and a suspension, 24 to 1440. */
  notice_hours: number;
  /** The hour from which on it may not any more, to 18. */
  to_hour: number;
}

/** At which rate a dealer exchanges. */
export interface NewRate {
  /**
   * The most of the target that is given until the rate is set anew, over all accounts; zero
   * ends the exchange.
   */
  limit: string;
  /** 1e-9 of the target for one of the source, 1 to 10^15. */
  rate: number;
  /** What the dealer keeps, in 1e-4 of the target, up to 5000. */
  spread_bps: number;
}

/** A request that was signed. */
export interface NewRequest {
  /**
   * The account's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
   * (ERC-1271).
   */
  signature: string;
  /** As it was prepared. */
  terms: object;
}

/** Another limit of a day. */
export interface NewSigningLimit {
  /** The most that is signed in a day (UTC): in major units of a currency, or in whole Wh. */
  daily: string;
  /**
   * A currency (ISO 4217), or `Wh` of certified energy; the currency that energy is traded in
   * when absent.
   */
  unit?: string;
}

/** What staff says of a connection point. */
export interface NewSource {
  /** The energy source: a renewable code of EECS. */
  code: string;
}

/** Something to say in a dispute. */
export interface NewStatement {
  /** Ends the dispute: `upheld` or `rejected` by staff, `withdrawn` by whose invoice it is. */
  decision?: "open" | "upheld" | "rejected" | "withdrawn";
  /** 1 to 4000 characters. */
  text: string;
}

/** Why a supply is to be suspended. */
export interface NewSupplySuspension {
  /** In words, 1 to 500 characters. The household reads it. */
  reason: string;
}

/** A transfer that was signed for an invoice. */
export interface NewWalletPayment {
  /**
   * The payer's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
   * (ERC-1271).
   */
  signature: string;
  /** As it was prepared. */
  terms: object;
}

/** An endpoint with its secret, which is not shown again. */
export interface NewWebhook {
  /** What signs messages to it: `whsec_` and base64. */
  secret: string;
  /** The endpoint. */
  webhook: WebhookView;
}

/** The step that an invoice takes if it stays as it is. */
export interface NextStepView {
  /** What it does. */
  action: StepAction;
  /** What it adds to what is due. */
  fee: string;
  /** On which local day. */
  on: string;
}

/** One open offer. */
export interface OfferView {
  /** Energy in kWh, exact. */
  amount_kwh: string;
  /** The meter's number, all but its end hidden. */
  meter: string;
  /** The order. */
  order_id: string;
  /** Whether it is the caller's own. */
  own: boolean;
  /** Currency per kWh: a seller's net, a buyer's all-in. */
  price: string;
  /** Energy in Wh. */
  quantity_wh: number;
  /** The name that others see. */
  seller: string;
  /** Start of the slot. */
  slot: string;
  /** Amount times price. */
  total: string;
}

/** What opens a commitment. */
export interface OpeningBody {
  /** The limit is meant, though far off what energy costs at that time of day. */
  beyond_reference?: boolean;
  /** What is signed (EIP-712). */
  order: MarketOrderTerms;
  /** 32 bytes as hex, that nobody can guess. */
  salt: string;
  /** As of an order that is placed. */
  signature: string;
}

/** An order to place. */
export interface OrderBody {
  /**
   * The limit is meant, though far off what energy costs at that time of day: it is not refused
   * with `PRICE_REFERENCE`.
   */
  beyond_reference?: boolean;
  /** The first moment at which an order that is `good_till_time` is no longer good. */
  good_till?: string;
  /** What is signed (EIP-712). */
  order: MarketOrderTerms;
  /**
   * Chosen by the caller, so that a repeat is answered as before. Derived from the order's hash
   * when absent.
   */
  order_id?: string;
  /**
   * An own open order that is taken back if this one is accepted, and only then. What it holds
   * counts as free.
   */
  replaces?: string;
  /**
   * By the account's key or its delegate's, 64 bytes (EIP-2098) as hex; or at most 1024 bytes
   * that the account takes as signed where it is a contract (ERC-1271) and no delegate is named.
   */
  signature: string;
  /**
   * What becomes of what does not trade at once: `good_till_gate`, which is the default,
   * `good_till_time`, `immediate_or_cancel` or `fill_or_kill`. All but the first need a slot of
   * the mechanism `continuous`. It is not signed.
   */
  time_in_force?: string;
}

/** An order as it is signed (EIP-712). Parsed by [`OrderTerms`]; this is its description. */
export interface OrderTerms {
  /** The address of the account whose cash it is. */
  account: string;
  /** The community. */
  community: string;
  /** Where the energy is metered. */
  connectionPoint: string;
  /** Who else may have signed; zero when only the account may. */
  delegate: string;
  /** The last epoch second at which the order may be settled. */
  expiry: number;
  /** In 1e-9 currency per Wh: a buyer's is all-in, a seller's net of the platform fee. */
  limitPrice: number;
  /** The least that may be filled, in Wh. */
  minFill: number;
  /** Unique per account, as 0x and hex digits. */
  nonce: string;
  /** The hash of the policy. */
  policy: string;
  /** The most that may be filled, in Wh. */
  quantity: number;
  /** `buy` or `sell`. */
  side: string;
  /** Start of the slot, epoch seconds. */
  slot: number;
  /** The grid area. */
  zone: string;
}

/** An order as it stands. */
export interface OrderView {
  /** Whose it is. */
  account: string;
  /** The address that signed and pays: on chain the order is ended under it. */
  address: string;
  /**
   * Why it was taken back: `account`, `chain` or `suspension`; or by itself: `time`,
   * `immediate` or `self_trade`, or because the cash had left: `funds`.
   */
  cancelled_by?: string;
  /** Where it is metered. */
  connection_point: string;
  /** Who signed it in the place of the account, if somebody may have. */
  delegate?: string;
  /** What it got; before the gate what it has traded so far. */
  filled_wh: number;
  /** Until when it is good, if not until the gate. */
  good_till?: string;
  /** The hash that was signed: its name on chain. */
  hash: string;
  /** What is held for what is open of it. */
  held: string;
  /** Currency per kWh: a buyer's all-in, a seller's net. */
  limit_price: string;
  /** At least this, or nothing. */
  min_fill_wh: number;
  /** Its nonce, as 0x and hex digits: who ends it on chain names it. */
  nonce: string;
  /** What can still trade. */
  open_wh: number;
  /** Its name. */
  order_id: string;
  /** When it was accepted. */
  placed_at: string;
  /** Energy wanted or offered. */
  quantity_wh: number;
  /** Its place in the market's journal. */
  sequence: number;
  /** `buy` or `sell`. */
  side: string;
  /** Start of the slot. */
  slot: string;
  /** Where it stands. */
  status: string;
  /** What becomes of what does not trade at once. */
  time_in_force: string;
  /** What it has traded before the gate, in its order. */
  trades?: StruckView[];
  /** What the account should know: `NO_GAIN_BAND`. */
  warnings: string[];
}

/** What came of it. */
export type Outcome = "done" | "denied";

/** Tokens outside of trading that an account has at one of its addresses. */
export interface OutsideView {
  /** The address. */
  address: string;
  /** How much, in major units. */
  amount: string;
}

/** What the journal owes, in major units. */
export interface OwedParts {
  /** The community's pot and what is paid at an imbalance price, not released yet. */
  balancing: string;
  /** Held of sellers for energy that is to come. */
  collateral: string;
  /** Held of buyers for energy that is to come. */
  escrow: string;
  /** Proceeds inside the challenge window. */
  locked: string;
  /** Network fees that are not released yet. */
  network_fees: string;
  /** Redeemed, and not paid out by the bank yet: no token stands for it any more. */
  payouts: string;
  /** Platform fees that are not released yet. */
  platform_fees: string;
  /** What nobody can explain; zero when the books are in order. */
  suspense: string;
  /** To who holds tokens outside of the market contract. */
  tokens: string;
  /** Free money of accounts, what was asked for as a withdrawal and is not paid yet included. */
  wallets: string;
}

/** A meter that goes to the next address. */
export interface OwnedMeter {
  /** The meter. */
  meter: string;
  /** The next address's signature of its enrolment. */
  owner_signature: string;
}

/** A market of this process. */
export interface PartitionView {
  /** What is wrong with that entry. */
  damage?: string;
  /** The entry of its journal that cannot be applied, where it is damaged. */
  damaged_entry?: number;
  /** Entries of its journal that are in the book. */
  entries: number;
  /** Community and grid area. */
  market: string;
  /** How many of them the newest snapshot has. */
  snapshot_entries: number;
  /** `leading`: this process writes it; `standing_by`: another one does; `damaged`: nobody can. */
  standing: string;
  /** The token of its lease, where this process writes it: it rises with each that takes it. */
  token?: number;
}

/** A person or a company in a community. */
export interface Party {
  /** Its account; staff have none. */
  account?: Account;
  /** Its community. */
  community: string;
  /** Where it logs in. */
  email: string;
  /** Its name, which its community's staff and itself see. */
  name: string;
  /** Its id. */
  party: string;
  /** What it is. */
  roles: string[];
  /** Since when it takes part. */
  since: string;
}

/** A neighbour's energy on its way from a zone. Prices in currency per kWh. */
export interface PathView {
  /** Where it is fed in. */
  from: string;
  /** What both sides gain together per kWh. */
  gain: string;
  /** The other end. */
  high?: string;
  /** Both sides gain at energy prices between `low` and `high`; absent when nobody can. */
  low?: string;
  /** The grid's fee on the way. */
  network_fee: string;
}

/** An order to the bank (pain.001) that was made. */
export interface PayoutFileView {
  /** When it was made. */
  at: string;
  /** What it is in (ISO 4217). */
  currency: string;
  /** Keccak-256 of the file. */
  hash: string;
  /** Names it for the bank. */
  id: string;
  /** Payouts in it. */
  payments: number;
  /** Who asked for it. */
  requested_by: string;
  /** Their sum, in major units. */
  total: string;
}

/** A payout as it is signed. Parsed by [`PayoutTerms`]; this is its description. */
export interface PayoutTerms {
  /** The address of the account. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** The contracts `token` and `market` of the currency, where it is not the first. */
  cash?: object;
  /** Whose bank account. */
  creditor: string;
  /**
   * The last second, epoch seconds, in which the market takes the withdrawal; two days from now
   * at most.
   */
  expiry: number;
  /** The bank account, without spaces. */
  iban: string;
  /** 32 random bytes. */
  salt: string;
}

/** Money on its way to a bank. */
export interface PayoutView {
  /** Whose money. */
  account: string;
  /** How much, in major units. */
  amount: string;
  /** When it was asked for. */
  at: string;
  /** When it leaves the market, where that is known. */
  available_at?: string;
  /** Whose bank account; `wallet` where the money goes back there. */
  creditor: string;
  /** Of which currency (ISO 4217). */
  currency: string;
  /** What the chain says of where to: `keccak(salt || iban || 0 || creditor)`. */
  destination: string;
  /** What the payment is called from end to end. */
  end_to_end_id: string;
  /** Until when it may be withdrawn: what was not by then has taken nothing. */
  expires_at: string;
  /** The file with which the bank was asked last. */
  file?: string;
  /** The bank account; empty where the money goes back into the wallet. */
  iban: string;
  /** The payout. */
  id: string;
  /** Whether it is of what waited outside of trading. */
  outside?: boolean;
  /** Why it failed, as the contract says, or came back, as the bank says. */
  reason?: string;
  /** With the bank account and the name it hashes to the destination. */
  salt: string;
  /**
   * `requested`, `withdrawing`, `withdrawn`, `redeemed`, `ordered`, `paid`, `returned`,
   * `credited`, `failed` or `expired`.
   */
  state: string;
}

/** How much, and where to. */
export interface PayoutWish {
  /** How much, in major units. */
  amount: string;
  /**
   * Whose bank account, 1 to 70 characters; with `outside` it may be left out, and the money
   * goes back into the wallet.
   */
  creditor?: string;
  /** Of which currency (ISO 4217); of the one that energy is traded in when absent. */
  currency?: string;
  /** The bank account; left out with `creditor`. */
  iban?: string;
  /** Whether it is of what waits outside of trading (`outside` of the wallet). */
  outside?: boolean;
}

/** The proof that a reading is one of those under its signature. */
export interface PlaceView {
  /** How many there are: 2 to 16. */
  count: number;
  /** The reading's number among them, from 0. */
  index: number;
  /** The root of the tree over them, 32 bytes as hex; it is what was signed. */
  root: string;
  /** From the leaf up, 32 bytes as hex each. */
  siblings: string[];
}

/** An account that pays before it uses, as it was looked at last. */
export interface PrepaidAccount {
  /** The account. */
  account: string;
  /** What it has for energy to come, in major units. */
  balance: string;
  /** For how many hours the balance lasts; absent where nothing is used. */
  hours_left?: number;
  /** When it was looked at. */
  looked_at: string;
  /** Whether its supply is never suspended. */
  protected: boolean;
  /** Since when. */
  since: string;
  /** How it stands. */
  state: State;
  /** What it uses in a day. */
  use_per_day: string;
}

/** How a community has them, and who said so. */
export interface PrepaidSettings {
  /** When. */
  at?: string;
  /** From when on an account buys nothing from neighbours. */
  buying_stops: StopsAt;
  /** How far below nothing a balance may go, in major units. */
  credit: string;
  /** The first hour of a day in which a supply may be suspended. */
  from_hour: number;
  /** Days on which none is, beside weekends. */
  holidays: string[];
  /** A balance is low that lasts for less than so many days. */
  low_days: number;
  /** Hours between what the household is told and a suspension, at least. */
  notice_hours: number;
  /** Who set it; absent where nobody did. */
  set_by?: string;
  /** The hour from which on it may not any more. */
  to_hour: number;
}

/** How an account stands that pays before it uses, or how it would. */
export interface PrepaidView {
  /** The account. */
  account: string;
  /** Whether it pays before it uses; else this is how it would stand. */
  agreed: boolean;
  /** Since when. */
  agreed_at?: string;
  /** What it has for energy to come, in major units: `free - owed - unbilled`. */
  balance: string;
  /** From when on it buys nothing from neighbours. */
  buying_stops: StopsAt;
  /** Why it buys nothing from neighbours now: `dunning`, `prepaid`. Empty where it does. */
  buys_nothing_for: string[];
  /** How far below nothing the balance may go, in major units. */
  credit: string;
  /** Its free cash. */
  free: string;
  /** For how many hours the balance lasts; absent where nothing is used. */
  hours_left?: number;
  /** For how many hours balance and credit last. */
  hours_with_credit?: number;
  /** Below how many days of use the balance is low. */
  low_days: number;
  /** What its invoices leave to be paid. */
  owed: string;
  /** Whether its supply is never suspended, because somebody there depends on it. */
  protected: boolean;
  /** Since when it is in that state. */
  since?: string;
  /** `active`, `low`, `emergency` (it uses credit) or `suspended` (its supply may be cut). */
  state: State;
  /** What staff want; absent where nobody wants the supply suspended. */
  suspension?: SuspensionNotice;
  /** What is used and not billed yet, by the readings that are known. */
  unbilled: string;
  /** What it uses in a day: the mean of the last seven. */
  use_per_day: string;
}

/** What is signed so that an account settles at another address. Nothing is kept of it. */
export interface PreparedAddress {
  /** The address. */
  address: string;
  /**
   * Who has the key of the address before: `own`, who signs as well, or `held`, whose owner
   * gives the password.
   */
  custody: string;
  /** What the address signs for each meter of the account. */
  enrolments: PreparedEnrolment[];
  /** The address before. */
  former: string;
  /** Start of the first slot that settles at it. */
  from: string;
  /** What the address signs, and the one before where its owner has the key (EIP-712). */
  succession: object;
}

/** A challenge as it would be judged now, and the call that makes it. */
export interface PreparedChallenge extends JudgedView {
  /** What to send; absent where nothing is cut. */
  call?: CallView;
  /** When the window ends. */
  closes: string;
  /** From when on a challenge is taken. */
  opens: string;
  /** `early` while corrections are open, `open`, or `over`. */
  window: string;
}

/** What the next address signs of a meter. */
export interface PreparedEnrolment {
  /** The meter. */
  meter: string;
  /** What is printed on it. */
  serial: string;
  /** As a wallet takes it (EIP-712). */
  typed_data: object;
}

/** What is signed to be paid out. Nothing is kept of it until it is asked for. */
export interface PreparedPayout {
  /** What the amount is in (ISO 4217). */
  currency: string;
  /**
   * Seconds until the money is out of the market and the bank can be asked; 0 where it is
   * outside.
   */
  delay_seconds: number;
  /** The hash of salt, bank account and name: all that the chain sees of where to. */
  destination: string;
  /** What it costs, in major units. */
  fee: string;
  /** The nonce of both signatures, as 0x and hex digits. */
  nonce: string;
  /** What a wallet signs for the token (EIP-712). */
  redemption: object;
  /** Which identity signs where it holds the key. */
  terms: BillingPayoutTerms;
  /** What a wallet signs for the market (EIP-712); absent where the money is outside of it. */
  withdrawal?: object;
}

/** What is signed. Nothing is kept of it until it is sent. */
export interface PreparedRequest {
  /** Which identity signs where it holds the key. */
  terms: object;
  /** What a wallet signs (EIP-712). */
  typed_data: object;
}

/** A request was refused, or could not be served. Sent as `application/problem+json`. */
export interface Problem {
  /** What kind of problem, stable: `FUNDS`, `NOT_FOUND`. */
  code: string;
  /** This occurrence in words. */
  detail?: string;
  /** Whether the same request may succeed later. */
  retry_may_help?: boolean;
  /** HTTP status. */
  status: number;
  /** The kind in words. */
  title: string;
}

/** The steps that show that a block took work, each recomputed from the header. */
export interface ProofOfWork {
  /** Wei per gas that is burned. */
  base_fee_per_gas: number;
  /** The expected number of tries, a decimal integer. */
  difficulty: string;
  /** The pow hash is at most the target. */
  difficulty_met: boolean;
  /** The size of the header's gas limit. */
  gas_limit: number;
  /** The header's keccak-256 is the block's hash. */
  hash_matches: boolean;
  /** Root of the mountain range over all earlier block hashes. */
  history_root: string;
  /** Who mined the block. */
  miner: string;
  /** What the miner found. */
  nonce: string;
  /** The parent's pow hash. */
  parent_pow_hash: string;
  /** SHA-256 twice over seal hash and nonce. */
  pow_hash: string;
  /** Root of its receipts. */
  receipts_root: string;
  /** SHA-256 of the header without its nonce: what the miner searched a nonce for. */
  seal_hash: string;
  /** Root of the accounts after the block. */
  state_root: string;
  /** The most the pow hash may be: (2^256 - 1) / difficulty. */
  target: string;
  /** Root of its transactions. */
  transactions_root: string;
}

/** What a proposal's simulation comes to, or why there is none. */
export interface ProposalOutcome {
  /** How many would have paid less. */
  cheaper?: number;
  /** ISO 4217. */
  currency: string;
  /** How many would have paid more. */
  dearer?: number;
  /** What all would have paid more, or less, in major units. */
  difference?: string;
  /** Why nothing was simulated: the code, as of `POST /v1/tariffs/simulations`. */
  not_simulated?: string;
  /** The same in words. */
  why?: string;
}

/** Whether a supply is never suspended. */
export interface Protection {
  /** Somebody there depends on it. Why is not asked, and not kept. */
  protected: boolean;
}

/** A code that puts one meter to work. Never printed. */
export interface ProvisioningCode {
  /** The code, told this once: only a hash of it is kept. */
  code: string;
  /** Where that will measure. */
  connection_point: string;
  /** The first moment at which it no longer counts, by this machine's clock. */
  expires_at: string;
  /** The meter that it puts to work: a new one. */
  meter: string;
}

/** The public keys that check tokens (RFC 7517). */
export interface PublicKeys {
  /** The keys. */
  keys: Jwk[];
}

/** A message that was not believed. */
export interface QuarantineView {
  /** How long it was, in bytes. */
  bytes: number;
  /** Why it was not believed. */
  code: string;
  /** When it came first. */
  first_at: string;
  /** When it came last. */
  last_at: string;
  /** Its first 256 bytes, as hex. */
  message: string;
  /** The meter whose topic it came on. */
  meter: string;
  /** How often it came. */
  repeats: number;
}

/** A transaction of a relay. */
export interface QueuedTransaction {
  /** Its signings, oldest first; the last one is sent. */
  attempts: TransactionAttempt[];
  /** The block that has it. */
  block?: number;
  /** What it follows from. A cause is executed once at most. */
  cause: string;
  /** Whether its block can no longer be undone. */
  final: boolean;
  /** The hash of the attempt that the block has. */
  hash?: string;
  /** The sender's nonce, the same in all attempts. */
  nonce: number;
  /** Who signs it. */
  sender: string;
  /** How it stands. */
  status: TransactionStatus;
  /**
   * Blocks it has waited, or had when it got into one; absent before it was first signed, or
   * where no block was seen since the start.
   */
  waited_blocks?: number;
}

/** An offer of the dealer. */
export interface QuoteView {
  /** The last moment at which it can be in a block. */
  expires_at: string;
  /** What is given. */
  from: string;
  /** How much is given, in major units. */
  given: string;
  /** Its id: the hash of it, which both sides sign. */
  quote: string;
  /** 1e-9 of the target for one of the source, before the spread. */
  rate: number;
  /** What the dealer keeps, in 1e-4 of the target. */
  spread_bps: number;
  /** Seconds until then. */
  stands_seconds: number;
  /** How much comes for it, in major units: rounded down to 1e-9. */
  taken: string;
  /** What identity signs where it holds the key; the dealer's signature is in it. */
  terms: object;
  /** What comes for it. */
  to: string;
  /** What a wallet signs (EIP-712). */
  typed_data: object;
}

/** What is to be exchanged. */
export interface QuoteWish {
  /** How much is given, in major units. */
  amount: string;
  /** What is given. */
  from: string;
  /** What comes for it. */
  to: string;
}

/** A rate that was set. */
export interface RateView {
  /** From when on. */
  at: string;
  /** What is given. */
  from: string;
  /** How much of the target can be had now; absent in a history. */
  left?: string;
  /** The most of the target that is given at it. */
  limit: string;
  /** 1e-9 of the target for one of the source. */
  rate: number;
  /** Who set it; for staff. */
  set_by?: string;
  /** What the dealer keeps, in 1e-4 of the target. */
  spread_bps: number;
  /** What comes for it. */
  to: string;
}

/** The rates of a community. */
export interface RatesView {
  /** The account that gives and takes. */
  dealer: string;
  /** Its address. */
  dealer_address: string;
  /** The newest of each pair. */
  rates: RateView[];
}

/** A reading with its proof, as `GET /v1/readings/evidence/{trade}` hands it out. */
export interface ReadingProof {
  /** The batch of the period, from 1. */
  batch: number;
  /** The community as contracts know it. */
  community: string;
  /** Place of the leaf under the root. */
  index: number;
  /**
   * The bytes of the reading alone, as hex: payload and signature (119 bytes), and its place
   * where it was signed with others.
   */
  message: string;
  /** Siblings from the leaf up. */
  path: string[];
  /** The period of its root. */
  period: number;
  /** The salt of its leaf. */
  salt: string;
}

/** A signed reading as the meter sent it. */
export interface ReadingView {
  /** Register of what was fed into the grid, in Wh. */
  export_wh: number;
  /** Version of the meter's software. */
  firmware: number;
  /**
   * What is doubtful about it, though it counts: `ENERGY_ERROR`, `CLOCK_UNSYNCHRONISED`,
   * `RELAYED`, `CALIBRATION_EXPIRED`.
   */
  flags: string[];
  /** Register of what was taken from the grid, in Wh. */
  import_wh: number;
  /** The meter. */
  meter: string;
  /** Rises by one per reading. */
  page: number;
  /** Where the reading stands among those that were signed with it; absent where it was alone. */
  place?: PlaceView;
  /** When it was stored. */
  received_at: string;
  /** The meter's signature, 64 bytes as hex. */
  signature: string;
  /** Status bits. */
  status: number;
  /** The moment of the registers. */
  time: string;
}

/** What is ready. */
export interface ReadyView {
  /** Markets that this process writes. */
  leading: number;
  /** Markets that another process writes. */
  standing_by: number;
}

/** Why. */
export interface ReasonBody {
  /** In words, 1 to 500 characters. Those concerned read it. */
  reason: string;
}

/** An invoice that is not paid. */
export interface Receivable {
  /** Whose it is. */
  account: string;
  /** What that step did. */
  action?: StepAction;
  /** Days that are over since. */
  days_overdue: number;
  /** Whether a dispute about it is open. */
  disputed: boolean;
  /** What was to be paid, in major units. */
  due: string;
  /** The last local day on which paying it was in time. */
  due_on: string;
  /** The invoice. */
  invoice: string;
  /** What is left. */
  left: string;
  /** Its number. */
  number: string;
  /** The last step of the ladder that it has reached; 0 for none. */
  step: number;
}

/** A payment that came in for an invoice. */
export interface ReceivedView {
  /** What of it is for the invoice, in major units; below zero it was given back. */
  amount: string;
  /** When it was heard of. */
  at: string;
  /** The bank's day of booking; absent where it said none. */
  booked_on?: string;
  /** `bank` or `wallet`. */
  by: string;
}

/** Why an order of a rule was refused. */
export interface RefusalView {
  /** When. */
  at: string;
  /** The code that an order by hand would have been refused with. */
  code: string;
  /** Start of the slot. */
  slot: string;
  /** In words. */
  title: string;
}

/** Transactions of a relay, newest first, and how many of all wait. */
export interface RelayQueue {
  /** The transactions. */
  items: QueuedTransaction[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
  /** How many are in no block yet. */
  pending: number;
  /**
   * Blocks that the oldest of those has waited; absent where none waits, or where no block was
   * seen since the start.
   */
  waited_blocks_max?: number;
}

/** A step that an invoice has reached. */
export interface ReminderView {
  /** What it did. */
  action: StepAction;
  /** When. */
  at: string;
  /** What was left to be paid. */
  left: string;
  /** From one on. */
  step: number;
}

/** Which messages are sent anew. */
export interface Replay {
  /** The message, also one that was taken; all that failed when absent. */
  message?: string;
  /** Of those that failed, only what became true from then on. */
  since?: string;
}

/** How much is sent anew. */
export interface Replayed {
  /** Messages. */
  messages: number;
}

/** How much of what it sold an account has delivered. */
export interface ReputationView {
  /** The account. */
  account: string;
  /** Whether it holds all that its buyers would be short, whatever the policy takes. */
  covers_all: boolean;
  /**
   * The part that it delivered, in parts per million, where a day counts 29 of 31 parts of the
   * next one.
   */
  delivered_ppm: number;
  /** What it delivered of that. What neither side moved is in neither sum. */
  delivered_wh: number;
  /** Whether these are slots enough to follow anything from it: 16. */
  known: boolean;
  /** In how many slots. */
  slots: number;
  /** What it sold in the last 90 days, in Wh; the highest there can be where it is more. */
  sold_wh: number;
  /** Whether it may sell nothing, for this or for another reason. */
  suspended: boolean;
}

/** A request on its way to the chain, or there. */
export interface RequestView {
  /** Whose. */
  account: string;
  /** When it came. */
  at: string;
  /** The request. */
  id: string;
  /** Why it failed, as the contract says now. */
  reason?: string;
  /** `sent`, `done` or `failed`. */
  state: string;
  /** What was signed. */
  terms: object;
}

/** What an account wants to sign. */
export type RequestWish = TransferWish & {
  kind: "transfer";
} | MandateTerms & {
  kind: "mandate";
} | CertificateTransferWish & {
  kind: "certificate_transfer";
} | RetirementWish & {
  kind: "certificate_retirement";
} | CancellationWish & {
  kind: "cancellation";
};

/** A block. */
export interface ReserveBlock {
  /** Its hash: two blocks may have had one height. */
  hash: string;
  /** Its height. */
  number: number;
}

/** A call (`eth_call`) at `block` that anybody can make. */
export interface ReserveCall {
  /** What it answered, in 1e-9 of the currency. */
  answer: string;
  /** What it is given. */
  arguments: string[];
  /** The same, encoded. */
  data: string;
  /** The function, with the type of its answer. */
  signature: string;
  /** Whom to call. */
  to: string;
}

/** By how much the figures differ, in 1e-9 of the currency. */
export interface ReserveDifference {
  /** The bank account less what is owed. */
  bank_owed: string;
  /** What the market contract holds less what it should hold. */
  market_owed: string;
  /** All tokens less the bank account without the payouts on their way. */
  supply_bank: string;
}

/** The state of the journal. */
export interface ReserveJournal {
  /** The last check for this answer; absent before the first. */
  checked?: JournalCheck;
  /** How many entries it has. */
  entries: number;
  /** Hash of the newest entry: it commits to all of them. */
  head: string;
}

/** What stands behind the tokens, all as of one block. */
export interface ReserveView {
  /** The block that the books have followed; the chain was asked at the same. */
  block: ReserveBlock;
  /** The chain. */
  chain_id: number;
  /** The books of the first currency. */
  journal: ReserveJournal;
  /** One for each token: the first is of what energy is traded in. */
  reserves: CurrencyReserve[];
}

/** What the retailer is left with in a slot. */
export interface ResidualRow {
  /** Fed into the grid. */
  export_wh: number;
  /** Taken from the grid. */
  import_wh: number;
  /** Those of them whose meter reported nothing. */
  missing: number;
  /** Connection points that were metered, or should have been. */
  points: number;
  /** The rest of what was fed in: the retailer's to take. */
  residual_export_wh: number;
  /** The rest of what was taken: the retailer's to deliver. */
  residual_import_wh: number;
  /** Who supplies the community, by the name on its documents; absent where there is none. */
  retailer?: string;
  /** Start of the slot. */
  slot: string;
  /** Delivered from neighbour to neighbour. */
  traded_wh: number;
}

/** Certified energy that was used up, for somebody and for good. */
export interface RetirementView extends AboutView {
  /** Who used it up. */
  account: string;
  /** When: the time of the block. */
  at: string;
  /** For whom. */
  beneficiary: string;
  /** The block's height. */
  block: number;
  /** The certificate's number, 32 bytes. */
  certificate: string;
  /** The transaction. */
  transaction: string;
  /** How much, in Wh. */
  wh: number;
}

/** A retirement as it is wished. */
export interface RetirementWish {
  /** For whom, in words: 1 to 200 bytes. */
  beneficiary: string;
  /** The certificate's number, 32 bytes. */
  certificate: string;
  /** How much, in Wh. */
  wh: number;
}

/** A change of the figures. */
export interface RiskChangeView {
  /** Who agreed to it; absent where no figure became looser. */
  agreed_by?: string;
  /** When. */
  at: string;
  /** Who wanted it. */
  by: string;
  /** All of them, as they hold from then on. */
  limits: RiskLimits;
}

/** The figures. One that is `null` is no limit; one that is left out has its default. */
export interface RiskLimits {
  /**
   * Seconds that the newest block may be old; beyond it the zone is stopped. Ten times what a
   * block takes.
   */
  chain_silent_seconds?: number;
  /**
   * Orders of three accounts or more that may be refused within an hour because of their price;
   * beyond it the zone is stopped: then not the orders are wrong, but what they are measured by.
   */
  collar_hits_per_hour?: number;
  /** The highest limit of an order, in percent of the retail price; above it is refused. */
  collar_percent?: number;
  /**
   * The part of its day's energy that an account should trade with one other, in percent, where
   * five or more offered. Nobody can know it before the clearing: it is judged after it.
   */
  counterparty_percent?: number;
  /**
   * What an account's open orders and trades of a local day may come to, in whole units of the
   * currency; an order beyond it is refused.
   */
  daily_notional?: number;
  /**
   * Clearings of the last days that may come out otherwise for another one who computes them;
   * beyond it the zone is stopped.
   */
  differing_clearings?: number;
  /**
   * Percent that what a standing rule has by the tariff and its gains may be below the highest
   * of 24 hours; beyond it the rule is suspended.
   */
  drawdown_percent?: number;
  /**
   * What an account may owe for open orders, and for trades of slots that are not over, in whole
   * units of the currency; an order beyond it is refused.
   */
  exposure?: number;
  /**
   * Standard deviations that metered energy may be off what a standing rule ordered by; where it
   * is off by more in four slots in a row, the rule is suspended.
   */
  forecast_sigmas?: number;
  /**
   * Percent that the trades of a standing rule may lose against the tariff within 24 hours, of
   * what the same energy would have come to there; beyond it the rule is suspended.
   */
  loss_percent?: number;
  /** Orders that an account may have open at a time, of all slots; one beyond it is refused. */
  open_orders?: number;
  /**
   * Orders that an account may send within a minute, refused ones too; beyond it the account is
   * suspended.
   */
  orders_per_minute?: number;
  /**
   * How far an order's price may be from the usual one at that time of day, in percent; a buyer
   * beyond it or a seller below is refused unless the order says that it is meant.
   */
  reference_percent?: number;
  /** Orders of an account that may be refused within an hour; beyond it the account is suspended. */
  refusals_per_hour?: number;
  /**
   * Slots that may have ended without a metered interval where there were some before: beyond it
   * the connection point is suspended, or the zone is stopped if it has none at all.
   */
  stale_slots?: number;
  /**
   * Percent of what an account sold that it may not deliver, newer days counting more, before it
   * has to hold all that its buyers would be short, whatever the policy takes.
   */
  undelivered_collateral_percent?: number;
  /** The same before the account is suspended from selling. */
  undelivered_percent?: number;
  /**
   * Rules that must always hold of the books, I1 to I8, of which so many may not; beyond it all
   * zones are stopped.
   */
  violated_invariants?: number;
}

/** The figures by which a market judges risk. */
export interface RiskLimitsView {
  /** Who set them, and when; absent while the defaults hold. */
  change?: RiskChangeView;
  /** The figures that hold. */
  limits: RiskLimits;
  /** The grid area. */
  zone: string;
}

/** A call that the timelock announced. */
export interface RoleChange {
  /** Who gets or loses it. */
  account?: string;
  /** When it was announced. */
  announced_at: string;
  /** The contract's name, where it is one of ours. */
  contract?: string;
  /** The contract's address. */
  contract_address: string;
  /** The call itself. */
  data: string;
  /** When it happened or was taken back. */
  ended_at?: string;
  /** The transaction of that. */
  ended_transaction?: string;
  /** What it does. */
  kind: RoleChangeKind;
  /** The new delay, where that is what changes. */
  new_delay_seconds?: number;
  /** The operation's name in the timelock. */
  operation: string;
  /** Its place in the operation, from 0. */
  position: number;
  /** From when on it may happen. */
  ready_at: string;
  /** The role's name, or its hash where it is none of ours. */
  role?: string;
  /** How far it is. */
  state: RoleChangeState;
  /** The transaction that announced it. */
  transaction: string;
}

/** What an announced call does. */
export type RoleChangeKind = "grant" | "revoke" | "delay" | "other";

/** How far an announced call is. */
export type RoleChangeState = "waiting" | "done" | "cancelled";

/** A meter that has a next key. */
export interface RotatedMeter extends Meter {
}

/** For how long the secret before is good. */
export interface Rotation {
  /**
   * Hours for which messages have a signature by the secret before as well, 0 to 168; 24 when
   * absent.
   */
  overlap_hours?: number;
}

/** An order for every slot. */
export interface RuleBody {
  /** For slots that start then or later. */
  from?: string;
  /** In 1e-9 currency per Wh: a buyer's all-in, never paid more; a seller's net, never got less. */
  limit_price: number;
  /** At least this, or nothing. */
  min_fill_wh?: number;
  /** How much of what is likely, in percent: 1 to 200; 100 when absent. */
  percent?: number;
  /** How much each time, in Wh; without it what is likely at that time of day. */
  quantity_wh?: number;
  /** For slots that end then or before. */
  until?: string;
}

/** A standing rule. */
export interface RuleView {
  /** Where the energy is metered. */
  connection_point: string;
  /** For slots that start then or later. */
  from?: string;
  /** Currency per kWh: a buyer's all-in, a seller's net. */
  limit_per_kwh: string;
  /** In 1e-9 currency per Wh. */
  limit_price: number;
  /** At least this, or nothing. */
  min_fill_wh: number;
  /** How much of what is likely, in percent, where it is not. */
  percent?: number;
  /** How much each time, in Wh, where that is fixed. */
  quantity_wh?: number;
  /** Why its newest order was refused, if it was. */
  refused?: RefusalView;
  /** `buy` or `sell`. */
  side: string;
  /** For slots that end then or before. */
  until?: string;
  /** `NO_MANDATE` where the account has granted the delegate nothing that such an order needs. */
  warnings: string[];
}

/** The standing rules of an account. */
export interface RulesView {
  /** Who signs their orders: the account grants this address a mandate. */
  delegate: string;
  /** By connection point and side. */
  items: RuleView[];
}

/** What somebody said in a dispute. */
export interface SaidView {
  /** When. */
  at: string;
  /** `customer` or `staff`. */
  by: string;
  /** What it ended the dispute with. */
  decision?: DisputeState;
  /** The words. */
  text: string;
}

/** A slot whose orders are sealed: until it is cleared nothing is shown of them but counts. */
export interface SealedView {
  /** Commitments, without those that were taken back. */
  commitments: number;
  /** How many of them were opened. */
  opened: number;
  /** Until when they are opened, once the gate is closed. */
  opened_until?: string;
  /** For how many seconds after the gate commitments are opened. */
  reveal_seconds: number;
}

/** How orders are sealed, from a slot on. */
export interface SealingBody {
  /**
   * For how many seconds after the gate commitments are opened, 30 to 600, and a minute less
   * than the gate is before the slot; absent: orders are not sealed.
   */
  reveal_seconds?: number;
}

/** Whether orders are sealed in slots from a moment on. */
export interface SealingChoiceView {
  /** Start of the first slot. */
  from: string;
  /** For how many seconds after the gate commitments are opened; absent where orders are open. */
  reveal_seconds?: number;
}

/** How a market seals orders. */
export interface SealingView {
  /** What was chosen, by its first slot; before the first one orders are open. */
  choices: SealingChoiceView[];
  /** The most commitments of an account in a slot. */
  commitments_max: number;
  /** How many commitments the caller's party left unopened in the last day. */
  unrevealed: number;
  /** From how many on no new one is taken. */
  unrevealed_max: number;
  /** The grid area. */
  zone: string;
}

/** The trades of a slot in a zone, added up for one grid operator. Money is in major units. */
export interface SettlementRow {
  /** Agreed, of all. */
  agreed_wh: number;
  /** To sellers for what was not taken. */
  compensation: string;
  /** Delivered. */
  delivered_wh: number;
  /** To the community's pot. */
  difference: string;
  /** The grid operator: the address that the policy gives the network fee to. */
  grid_operator: string;
  /** To who balances the grid. */
  imbalance: string;
  /** To buyers for what was not delivered. */
  make_whole: string;
  /** To the network. */
  network: string;
  /** How many of them are not reconciled yet: what follows does not count them. */
  open: number;
  /** To the platform. */
  platform: string;
  /** Who supplies the community, by the name on its documents; absent where there is none. */
  retailer?: string;
  /** To sellers for it, after their fees. */
  sellers: string;
  /** Start of the slot. */
  slot: string;
  /** How many trades. */
  trades: number;
  /** The zone. */
  zone: string;
}

/** A bill of the utility beside ours. */
export interface ShadowBill {
  /** As the file calls the account, or as the mapping says. */
  account: string;
  /** Ours less theirs. */
  difference: string;
  /** First day. */
  from: string;
  /** Ours. */
  invoice?: string;
  /** Line by line. */
  lines: ShadowLine[];
  /** Its number. */
  number?: string;
  /** What we charge. */
  ours: string;
  /** Why there is none of ours: `NO_ACCOUNT`, `NO_INVOICE`. */
  problem?: string;
  /** What the utility charges, in major units. */
  theirs: string;
  /** Last day. */
  to: string;
}

/** Bills of the utility. */
export interface ShadowFile {
  /** The CSV. */
  file: string;
  /** What the columns are, as docs/shadow.md says. */
  mapping: object;
}

/** A line on both sides. */
export interface ShadowLine {
  /** Ours less theirs. */
  difference: string;
  /** The class of ours, or the name of theirs where it is mapped to none. */
  line: string;
  /** What we charge. */
  ours: string;
  /** What the utility charges, in major units. */
  theirs: string;
}

/** The utility's bills beside ours. */
export interface ShadowReport {
  /** The bills, by account and days. */
  bills: ShadowBill[];
  /** Bills of the file. */
  compared: number;
  /** Ours less theirs. */
  difference: string;
  /** Those of them that are the same to the minor unit, line by line. */
  equal: number;
  /** Rows of the file that are left out. */
  left_out: ShadowRow[];
  /** Those of them that there is none of ours to. */
  missing: number;
  /** What we charge for the same. */
  ours: string;
  /** What the utility charges in all, in major units. */
  theirs: string;
}

/** A row that is left out. */
export interface ShadowRow {
  /** Why. */
  reason: string;
  /** Its number, from 1 below the heading. */
  row: number;
}

/** The share of a connection point. */
export interface ShareBody {
  /** In basis points, 1 to 10000. */
  bps: number;
  /** Whose. */
  connection_point: string;
}

/** All shares from a slot on. */
export interface SharesBody {
  /**
   * At most 10000 basis points together; what is left of them goes to the grid, or where the
   * mechanism passes it on to whoever misses most.
   */
  shares: ShareBody[];
}

/** All shares from a slot on, as they stand. */
export interface SharesView {
  /** Start of the first slot. */
  from: string;
  /** By connection point. */
  shares: ShareBody[];
}

/**
 * What one side's meter said at both ends of the slot. What is absent was not read or is not
 * anchored yet.
 */
export interface SideEvidence {
  /** The registers when the slot began. */
  begin?: EvidenceView;
  /** Where the side takes or feeds in. */
  connection_point: string;
  /** The registers when it ended. */
  end?: EvidenceView;
}

/** A signature of an order. */
export interface SignedOrder {
  /** The order's hash, which is its name everywhere. */
  hash: string;
  /** Over the hash, 64 bytes (EIP-2098). */
  signature: string;
}

/** The signatures of a payout. */
export interface SignedPayout {
  /** For the token: destroyed, to be paid out. 64 bytes (EIP-2098). */
  redemption: string;
  /** For the market: out of trading. 64 bytes (EIP-2098). */
  withdrawal: string;
}

/** The signature of what becomes of tokens outside of trading. */
export interface SignedRedemption {
  /** For the token: destroyed, to be paid out. 64 bytes (EIP-2098). */
  redemption: string;
}

/** A signature of a request to a contract. */
export interface SignedRequest {
  /** What was signed. */
  hash: string;
  /** Over the hash, 64 bytes (EIP-2098). */
  signature: string;
}

/** What identity signs for one account in one unit. Amounts in major units of a currency, or in Wh. */
export interface SigningLimit {
  /** The account. */
  account: string;
  /** Above this, one signature needs the consent of a member of staff. */
  approval_above: string;
  /** The most in a day (UTC). */
  daily: string;
  /** What counts as signed today. */
  signed_today: string;
  /** A currency (ISO 4217), or `Wh` of certified energy. */
  unit: string;
}

/** What one member would have paid. */
export interface SimulatedMember {
  /** The account. */
  account: string;
  /** What the draft costs more; below zero where it costs less. */
  difference: string;
  /** By the draft. */
  draft: string;
  /** By the tariff that held. */
  now: string;
  /** The name that others see. */
  pseudonym: string;
  /** Slots with a reading. */
  slots: number;
}

/** What a draft would have cost a community. */
export interface SimulationView {
  /** How many would have paid less. */
  cheaper: number;
  /** ISO 4217. */
  currency: string;
  /** How many would have paid more. */
  dearer: number;
  /** What all would have paid more, or less. */
  difference: string;
  /** First local day. */
  from: string;
  /** Hash of the draft. */
  hash: string;
  /** Every member, who would have paid most more first. */
  members: SimulatedMember[];
  /** What a reader of it should know. */
  notes: string[];
  /** Last local day. */
  to: string;
}

/** A commitment as every member sees it. */
export interface SlotCommitmentView {
  /** The address of who sent it. */
  account: string;
  /** Its name. */
  commitment: string;
  /** When it came. */
  committed_at: string;
  /** Whether it was taken back before the gate. */
  withdrawn: boolean;
}

/** The commitments of a slot whose gate is closed. */
export interface SlotCommitmentsView {
  /** When it was closed. */
  closed_at: string;
  /** All of them, in the order in which they came. */
  items: SlotCommitmentView[];
  /**
   * The root over all of them, which the clearing's conditions name; it goes on chain when the
   * gate is closed.
   */
  root: string;
}

/** The journal of a cleared slot. */
export interface SlotJournal {
  /** The chain that orders were signed for. */
  chain_id: number;
  /** What the market posted there. */
  clearing: object;
  /** The commitments of a slot whose orders were sealed; absent elsewhere. */
  commitments: object[];
  /** What it was made under: JSON as it was hashed. */
  conditions: string;
  /** The fills, in the order of their index. */
  fills: object[];
  /** The contract `EnergyMarket` that they were signed for. */
  market: string;
  /** The orders that were accepted for the slot, with signatures, by sequence. */
  orders: object[];
  /** The policy that it names. */
  policy: object;
  /** What happened, in its order, where orders met before the gate; absent elsewhere. */
  steps: object[];
}

/** How a slot stands. */
export interface SlotView {
  /** The clearing's name on chain; absent before it. */
  clearing?: string;
  /**
   * Whether the grid operator has curtailed it: nothing trades, or where it was cleared before,
   * nobody owes for what is not delivered.
   */
  curtailed: boolean;
  /** Its end. */
  ends: string;
  /** What links carried between them. */
  flows?: FlowView[];
  /** When its orders are final. */
  gate: string;
  /** How prices and quantities are found, or were. */
  mechanism: Mechanism;
  /** Energy of open orders to sell. */
  offered_wh: number;
  /** When its book opens. */
  opens: string;
  /** Open orders, or those that took part in the clearing. */
  orders: number;
  /** The energy price of the clearing, in currency per kWh; absent while nothing traded. */
  price?: string;
  /**
   * What full links earned, in currency; it goes to the difference account with the rest of the
   * path's fees.
   */
  rent?: string;
  /** How its orders are sealed, if they are. */
  sealed?: SealedView;
  /** Its start. */
  slot: string;
  /** `future`, `open`, `closed` or `cleared`. */
  status: string;
  /** How many trades; before the gate so far. */
  trades: number;
  /** Energy traded; before the gate what was traded so far. */
  volume_wh: number;
  /** Energy of open orders to buy. */
  wanted_wh: number;
  /** What it came to in each zone, where the market has several and energy was traded. */
  zones?: ZoneView[];
}

/** A change of a source that is under way or was refused. */
export interface SourceChangeView {
  /** When staff said it. */
  at: string;
  /** The new source; absent where it is to end. */
  code?: string;
  /** Why it failed, as the contract says now. */
  reason?: string;
  /** `sent` or `failed`. */
  state: string;
}

/** What there is of a source. */
export interface SourceTotal {
  /** In Wh. */
  held_wh: number;
  /** In Wh. */
  retired_wh: number;
  /** The source (EECS). */
  source: string;
  /** The same in words. */
  source_name: string;
}

/** A source of a connection point, for a time. */
export interface SourceView {
  /** The code (EECS). */
  code: string;
  /** Since when: the time of the block. */
  from: string;
  /** The same in words. */
  name: string;
  /** Until when. */
  to?: string;
}

/** A connection point and what it generates from. */
export interface SourcedView {
  /** Whose. */
  account: string;
  /** What staff said last, where it is not in a block or was refused. */
  change?: SourceChangeView;
  /** The connection point. */
  connection_point: string;
  /** Sources that ended, newest first. */
  ended: SourceView[];
  /** The source in force, as the chain has it; absent where there is none. */
  source?: SourceView;
}

/** Connection points with their sources, and the codes that have a name. */
export interface SourcesPage {
  /** Codes that can be chosen. */
  codes: CodeView[];
  /** The connection points. */
  items: SourcedView[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

/** How an account that pays before it uses stands. */
export type State = "active" | "low" | "emergency" | "suspended";

/** One entry of a statement. */
export interface StatementItem {
  /** When it became true. */
  at: string;
  /** By how much the account's money grew, in major units. */
  change: string;
  /** Whether the chain took it back. */
  reversal: boolean;
  /** Place in the journal. */
  sequence: number;
  /** The trade, where it is of one. */
  trade?: string;
  /** The transfers, as an accountant writes them. */
  transfers: TransferView[];
  /**
   * `deposited`, `settled`, `reconciled`, `released`, `transferred`, `withdrawn`, `redeemed`,
   * `paid-out` or `reissued`.
   */
  what: string;
}

/** A payment of a bank statement. */
export interface StatementPayment {
  /** Who got it. */
  account?: string;
  /** How much, in major units. */
  amount: string;
  /** What the bank calls it. */
  bank_reference?: string;
  /** The bank's day of booking; absent where it is not booked. */
  booked_on?: string;
  /** Place of its entry in the statement, from one on; a batch has several payments. */
  entry: number;
  /** The invoice that it is for. */
  invoice?: string;
  /**
   * `credited` now, `received` for an invoice now, `known` from before, `paid` or `returned`: a
   * payout, now, `unmatched`, or `ignored`: went out, not booked, or of nothing.
   */
  outcome: string;
  /** Its name on chain, where it, or what is more than its invoice leaves, is credited now. */
  payment?: string;
  /** The payout that it paid or brought back now. */
  payout?: string;
  /**
   * Why it is unmatched: `CURRENCY`, `REVERSAL`, `NO_BANK_REFERENCE`, `REPEATED`,
   * `NO_REFERENCE`, `AMBIGUOUS`; with a payout's end-to-end id `CURRENCY`, `PAYOUT_AMOUNT`,
   * `PAYOUT_STATE`.
   */
  reason?: string;
  /** How much of it the invoice got, in major units. */
  received?: string;
  /** `credit` or `debit`. */
  side: string;
  /** Its number among the unmatched. */
  unmatched?: number;
}

/** What became of a bank statement. */
export interface StatementReport {
  /** Booked at the end, in major units. */
  closing: string;
  /** What all amounts are in (ISO 4217). */
  currency: string;
  /** The bank account. */
  iban: string;
  /** Booked before, in major units. */
  opening: string;
  /** Its payments, in the order of the file. */
  payments: StatementPayment[];
  /** What the bank calls it. */
  statement: string;
}

/** What a step does. */
export type StepAction = "remind" | "fee" | "suspend_trading" | "hand_over";

/** A step of what follows where an invoice is not paid. */
export interface StepBody {
  /** What it does. */
  action: StepAction;
  /** Days after the last one in time. */
  days: number;
  /** What a step with the action `fee` adds to what is owed, in major units; `0` when absent. */
  fee?: string;
}

/** Why nobody may trade. */
export interface StopView {
  /** The party that decided. */
  by: string;
  /** In words. */
  reason: string;
  /** `zone`, or `global`: all grid areas, whatever holds in each of them. */
  scope: string;
  /** Since when. */
  since: string;
  /** What was found, where the market decided by itself. */
  tripped?: TrippedView;
}

/** From when on an account buys nothing from neighbours: what it buys is locked before it is used. */
export type StopsAt = "low" | "emergency";

/** A trade before the gate. */
export interface StruckView {
  /** When. */
  at: string;
  /** The price of the energy alone, in currency per kWh. */
  price: string;
  /** How much. */
  quantity_wh: number;
}

/** A suspension that staff want. */
export interface SupplySuspension {
  /** Whose supply. */
  account: string;
  /** The party that asked. */
  asked_by: string;
  /** When; the household was told then. */
  at: string;
  /** When. */
  decided_at?: string;
  /** The party that decided. */
  decided_by?: string;
  /** From when on it can be. */
  from: string;
  /** Its id. */
  id: string;
  /** In words. */
  reason: string;
  /** `open`, `approved`, `refused`, or `void` where it was not needed any more. */
  state: string;
}

/** That staff want a supply suspended. */
export interface SuspensionNotice {
  /** Whether a second person agreed, without whom it is not. */
  agreed: boolean;
  /** From when on it can be. */
  from: string;
  /** In words. */
  reason: string;
}

/** Somebody who may not trade. */
export interface SuspensionView {
  /** The party that decided. */
  by: string;
  /** Which: of a rule, its connection point. */
  id: string;
  /**
   * `accounts`, `connection-points`, of standing rules `buy-rules` or `sell-rules`, or
   * `sellers`: accounts that may only buy.
   */
  kind: string;
  /** In words. */
  reason: string;
  /** Since when. */
  since: string;
  /** What was found, where the market decided by itself. */
  tripped?: TrippedView;
}

/** A version of a tariff that somebody wants published. */
export interface TariffProposalSummary {
  /** Who proposed it. */
  asked_by: string;
  /** When. */
  at: string;
  /** The hash of the tariff that it was compared with: the newest at that time. */
  compared_with?: string;
  /** When. */
  decided_at?: string;
  /** Who decided. */
  decided_by?: string;
  /** From when on nobody can decide it any more. */
  expires: string;
  /** Its hash, as it would be anchored. */
  hash: string;
  /** The proposal. */
  id: string;
  /** Who would pay more. */
  outcome: ProposalOutcome;
  /** `open`, `approved` (it is published), `refused` or `expired`. */
  state: string;
  /** What the tariff is called in URLs. */
  tariff: string;
  /** Its first local day. */
  valid_from: string;
  /** Its version. */
  version: number;
}

/** A proposal with the tariff and its simulation. */
export interface TariffProposalView extends TariffProposalSummary {
  /** What a reader of it should know: fields that are not rated, what was assumed. */
  notes: string[];
  /** What each member would have paid on it, as it was when it was proposed. */
  simulation?: SimulationView;
  /** The tariff's document. */
  terms: object;
}

/** A tariff as it was published. */
export interface TariffView {
  /** Its hash, as anchored. */
  hash: string;
  /** Its document. */
  terms: object;
}

/** What an endpoint answers to a test. */
export interface TestView {
  /** The HTTP status, if there was an answer. */
  answered?: number;
  /** Why it came to nothing. */
  error?: string;
  /** Whether it took the message. */
  taken: boolean;
}

/** What lets someone in. Never printed. */
export interface Tokens {
  /** Goes into `Authorization: Bearer`. */
  access_token: string;
  /** Seconds until the access token ends. */
  expires_in: number;
  /** Gets the next pair, once. Used twice, all that followed from the login ends. */
  refresh_token: string;
  /** `Bearer`. */
  token_type: string;
}

/** A trade whose cash moved on chain. */
export interface Trade {
  /** The block that settled it. */
  block: number;
  /** The buyer's address. */
  buyer: string;
  /** The clearing it came from. */
  clearing: string;
  /** What the seller put up. */
  collateral: string;
  /** What the buyer put up. */
  escrow: string;
  /** Where the cash went, by the newest run; absent before the first. */
  outcome?: ExplorerOutcome;
  /** What the buyer pays for energy, in currency per kWh. */
  price: string;
  /** What was agreed, in Wh. */
  quantity_wh: number;
  /**
   * What the seller gets for energy, before its fee, in currency per kWh: the buyer's price
   * where the mechanism has one for all.
   */
  sell_price: string;
  /** The seller's address. */
  seller: string;
  /** Start of the slot. */
  slot: string;
  /** `settled`: cash is in escrow. `reconciled`: what was delivered is paid. */
  state: string;
  /** Its name on chain. */
  trade: string;
  /** The transaction that settled it. */
  transaction: string;
}

/** The registers under a trade, of both sides. */
export interface TradeEvidence {
  /** The buyer's meter. */
  buyer: SideEvidence;
  /** The seller's meter. */
  seller: SideEvidence;
  /** Start of its slot. */
  slot: string;
  /** How long the slot lasts. */
  slot_minutes: number;
  /** The trade's name on chain. */
  trade: string;
}

/** One trade. */
export interface TradeView {
  /** The buyer's order, for those who may see it. */
  buy_order?: string;
  /** The buyer's name as others see it. */
  buyer: string;
  /** The clearing it is of. */
  clearing: string;
  /** What the buyer pays in all: energy, network and platform fee. */
  escrow: string;
  /** The caller's side, where it is the caller's own: `buy` or `sell`. */
  own?: string;
  /**
   * The price of the energy alone, in currency per kWh: what the buyer pays, and for its seller
   * what the seller gets, which is less where the mechanism has two prices.
   */
  price: string;
  /** Energy. */
  quantity_wh: number;
  /** The seller's order, for those who may see it. */
  sell_order?: string;
  /** The seller's name as others see it. */
  seller: string;
  /** Start of the slot. */
  slot: string;
  /** `pending`, then as the chain says: `settled` or `skipped`. */
  status: string;
  /** Quantity times price. */
  total: string;
  /** Its name on chain. */
  trade: string;
}

/** Who is suspended. */
export interface TraderView {
  /** Which: of a rule, its connection point. */
  id: string;
  /** `accounts`, `connection-points`, `buy-rules`, `sell-rules` or `sellers`. */
  kind: string;
}

/** A transaction in a block. */
export interface Transaction {
  /** The block's number. */
  block: number;
  /** What the contracts said; empty in lists. */
  events: ContractEvent[];
  /** Who sent it. */
  from: string;
  /** Gas it used. */
  gas_used: number;
  /** Hash. */
  hash: string;
  /** Its place in the block, from 0. */
  position: number;
  /** Whether it did what it was sent for. */
  success: boolean;
  /** The block's time. */
  timestamp: string;
  /** Its target; absent for a deployment. */
  to?: string;
}

/** One signing of a transaction. */
export interface TransactionAttempt {
  /** Its hash. */
  hash: string;
  /** What it pays per gas at most, with the base fee, in wei. */
  max_fee_per_gas: number;
  /** What of that may go to the miner, in wei. */
  max_priority_fee_per_gas: number;
  /** The newest block when it was signed; zero where that is not known. */
  signed_at_block: number;
}

/** How a transaction stands. */
export type TransactionStatus = "pending" | "confirmed" | "final" | "reverted";

/** From `credit` to `debit`. */
export interface TransferView {
  /** In major units. */
  amount: string;
  /** The account whose credit side grows. */
  credit: string;
  /** The account whose debit side grows. */
  debit: string;
}

/** A transfer as it is wished. */
export interface TransferWish {
  /** How much, in major units. */
  amount: string;
  /** Of which currency (ISO 4217); of the one that energy is traded in when absent. */
  currency?: string;
  /** Who gets it: an account's id or its address. */
  to: string;
}

/** What made the market decide by itself. */
export interface TrippedView {
  /** What it stands on, a line for each; empty for who may not see other accounts. */
  evidence: string[];
  /** From when on it was measured. */
  from: string;
  /** What was measured: orders, refusals, slots, seconds, percent or rules. */
  measured: number;
  /** The most that was allowed. */
  most: number;
  /** Until when. */
  to: string;
  /**
   * Which limit: `order_rate`, `refusals`, `collar_hits`, `missing_data`, `silent_chain`,
   * `forecast`, `loss`, `drawdown`, `undelivered`, `disagreement` or `invariant`.
   */
  trigger: string;
}

/** What of a connection point is not billed. */
export interface UnbilledRow {
  /** Whose. */
  account: string;
  /** The last day that was billed; absent before the first. */
  billed_until?: string;
  /** Where. */
  connection_point: string;
  /** The grid operator's address; absent where the community has several. */
  grid_operator?: string;
  /** When the meter was read last. */
  last_reading?: string;
  /** The meter. */
  meter: string;
  /** Slots from then without an interval: they are estimated, or hold the bill up. */
  missing_slots: number;
  /** Whole hours since. */
  reading_age_hours?: number;
  /** Who supplies the community, by the name on its documents; absent where there is none. */
  retailer?: string;
  /** Days from then that are over. */
  unbilled_days: number;
  /** The first day that is not billed; absent where there is no reading yet. */
  unbilled_from?: string;
}

/** A payment that came in by the bank and belongs to nobody yet, or that a payout does not explain. */
export interface UnmatchedPayment {
  /** How much, in major units of its currency. */
  amount: string;
  /** When it was first heard of. */
  at: string;
  /** The bank's day of booking. */
  booked_on: string;
  /** ISO 4217. */
  currency: string;
  /** Who paid, as far as the bank says. */
  debtor: string;
  /** From where, as far as the bank says. */
  debtor_account: string;
  /** Its number. */
  id: number;
  /** The payout whose end-to-end id it has. */
  payout?: string;
  /**
   * Why nobody was credited: `CURRENCY`, `REVERSAL`, `NO_BANK_REFERENCE`, `REPEATED`,
   * `NO_REFERENCE`, `AMBIGUOUS`; why it is not the payout's: `CURRENCY`, `PAYOUT_AMOUNT`,
   * `PAYOUT_STATE`.
   */
  reason: string;
  /** What it is for, as far as it says. */
  remittance: string;
  /** `credit`, or `debit`: went out, with the end-to-end id of a payout. */
  side: string;
  /** The statement that had it first. */
  statement: string;
}

/** What became of the messages. All of them are on disk. */
export interface UploadView {
  /** Stored now. */
  accepted: number;
  /** Stored before with the same content. */
  duplicates: number;
  /** Kept apart: staff see why. */
  quarantined: number;
}

/** What somebody decides about a case. */
export type Verdict = "dismiss" | "confirm";

/** A payment of an invoice with tokens. */
export interface WalletPaymentView {
  /** How much, in major units; below zero the invoice gives it back. */
  amount: string;
  /** When it came. */
  at: string;
  /** The transfer, among requests. */
  request: string;
  /** `sent`, `confirmed` (in a block that may still leave the chain), `failed`, or `done`. */
  state: string;
}

/** How much is paid, or given back. */
export interface WalletPaymentWish {
  /** In major units; all there is when absent. */
  amount?: string;
}

/** Money of an account, in major units of one currency. */
export interface WalletView extends BalanceView {
  /** The account. */
  account: string;
  /** The address at which the slot that goes on now settles. */
  address: string;
  /** What each of its addresses has of the currency that is asked for, oldest first. */
  addresses?: AddressBalanceView[];
  /** What it has of each currency, the one that energy is traded in first. */
  balances: BalanceView[];
  /**
   * What a transfer to the community's bank account says so that it is credited here (ISO
   * 11649).
   */
  reference: string;
}

/** Where events are sent, and which. */
export interface WebhookTerms {
  /** Whether it is told; `true` when absent. */
  active?: boolean;
  /** What it is, in at most 200 characters. */
  description?: string;
  /** What it is told of: at least one kind. */
  kinds: EventKind[];
  /**
   * https, at most 2000 bytes, at an address of the public internet or one that the operator
   * allows.
   */
  url: string;
}

/** An endpoint. */
export interface WebhookView {
  /** Whether it is told. */
  active: boolean;
  /** When it was made. */
  created_at: string;
  /** Who made it. */
  created_by: string;
  /** What it is. */
  description: string;
  /** Messages that it did not take. */
  failed: number;
  /** Since when nothing is sent any more, because it did not take a message. */
  failing_since?: string;
  /** Its id. */
  id: string;
  /** What it is told of. */
  kinds: EventKind[];
  /** Why it fails. */
  reason?: string;
  /** Until when the secret before signs as well. */
  two_secrets_until?: string;
  /** Where events are sent. */
  url: string;
  /** Messages that wait. */
  waiting: number;
}

/** A zone in a slot. */
export interface ZoneView {
  /** What its buyers got. */
  bought_wh: number;
  /** What buyers pay for energy, with the network's fee, in currency per kWh. */
  buyer: string;
  /** What sellers get for it. */
  seller: string;
  /** What its sellers gave. */
  sold_wh: number;
  /** Which. */
  zone: string;
}
