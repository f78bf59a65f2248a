// Every call to the API. A refused call throws a Problem.

import { noteAnswer } from "./offline";
import { session, signIn, signOut } from "./session";
import type * as t from "./types";
import type { Paths } from "./types/api";

export class Problem extends Error {
  constructor(readonly body: t.ProblemBody) {
    super(body.detail ? `${body.title}: ${body.detail}` : body.title);
  }
}

type Query = Record<string, string | number | boolean | undefined>;

function pathOf(path: string, query?: Query): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (!entries.length) return path;
  return `${path}?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: t.ProblemBody = {
    status: response.status,
    code: "HTTP",
    title: response.statusText || `The server answered ${response.status}`,
  };
  const body = (await response.json().catch(() => fallback)) as Partial<t.ProblemBody>;
  return new Problem({ ...fallback, ...body });
}

async function send(method: string, path: string, body?: unknown, key?: string): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  const token = session()?.access;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers };
  // A text is a document already: its numbers stay as they are written, and faults name its lines.
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(path, init).catch(() => {
    throw new Problem({ status: 0, code: "OFFLINE", title: "The server cannot be reached" });
  });
  noteAnswer(response);
  return response;
}

let refreshing: Promise<boolean> | null = null;

/** One refresh for all calls that found their token expired. */
function refresh(): Promise<boolean> {
  refreshing ??= (async () => {
    const token = session()?.refresh;
    if (!token) return false;
    const body = { grant: "refresh", refresh_token: token };
    const response = await send("POST", "/v1/tokens", body);
    if (response.ok) signIn((await response.json()) as t.Tokens);
    else if (response.status < 500) signOut();
    return response.ok;
  })().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** Besides the path: what a call says. A `key` names it, so that it is done once. */
interface Said {
  query?: Query | undefined;
  body?: unknown;
  key?: string;
}

async function call<M extends keyof Paths>(method: M, path: Paths[M], { query, body, key }: Said = {}): Promise<Response> {
  const place = pathOf(path, query);
  let response = await send(method, place, body, key);
  if (response.status === 401 && session() && (await refresh())) {
    response = await send(method, place, body, key);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The answer of a call, as JSON. */
async function answer<T, M extends keyof Paths>(method: M, path: Paths[M], said: Said): Promise<T> {
  return (await call(method, path, said)).json() as Promise<T>;
}

const get = <T>(path: Paths["GET"], query?: Query) => answer<T, "GET">("GET", path, { query });
const post = <T>(path: Paths["POST"], body: unknown) => answer<T, "POST">("POST", path, { body });
const put = <T>(path: Paths["PUT"], body: unknown, query?: Query) => answer<T, "PUT">("PUT", path, { body, query });

/** Takes something away that answers with what is left of it. */
const remove = <T>(path: Paths["DELETE"]) => answer<T, "DELETE">("DELETE", path, {});

/** Moves money: the same `key` again moves none. */
const postOnce = <T>(path: Paths["POST"], body: unknown, key: string, query?: Query) =>
  answer<T, "POST">("POST", path, { body, key, query });

/** A file, as it is. */
const blob = async (path: Paths["GET"], query?: Query) => (await call("GET", path, { query })).blob();

/** What may not be there. */
async function maybe<T>(path: Paths["GET"], query?: Query): Promise<T | null> {
  try {
    return await get<T>(path, query);
  } catch (problem) {
    if (problem instanceof Problem && problem.body.status === 404) return null;
    throw problem;
  }
}

/** The most items of a list that are asked for, where a list says no other number. */
const ALL_MAX = 50_000;

/** All items of a list, over as many pages as it takes; an error where there are more than `ALL_MAX`. */
async function all<T>(path: Paths["GET"], query: Query): Promise<T[]> {
  const items = await some<T>(path, query, ALL_MAX);
  if (items.length >= ALL_MAX) throw new Error(`There are more than ${ALL_MAX} entries in ${path}: ask for fewer.`);
  return items;
}

/** The first items of a list, over as many pages as it takes up to `max` items. */
async function some<T>(path: Paths["GET"], query: Query, max: number): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page: t.Page<T> = await get(path, { ...query, limit: 1000, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < max);
  return items;
}

/** What waits for a second person, or nothing where it is done. */
async function agreed<M extends keyof Paths>(method: M, path: Paths[M], said?: Said): Promise<t.Consent | undefined> {
  const response = await call(method, path, said);
  return response.status === 202 ? ((await response.json()) as t.Consent) : undefined;
}

/** The most of its own payouts and transfers that an account is shown. */
const OWN_MAX = 1000;

// identity

export const challenge = (address: string) =>
  post<t.Challenge>("/v1/challenges", { address, origin: location.origin });
export const signUp = (body: t.NewParty) => post<t.Party>("/v1/parties", body);

async function logInWith(grant: Record<string, string>) {
  const response = await send("POST", "/v1/tokens", grant);
  if (!response.ok) throw await problemOf(response);
  signIn((await response.json()) as t.Tokens);
}

export const logIn = (email: string, password: string) =>
  logInWith({ grant: "password", email, password });
export const logInBySignature = (message: string, signature: string) =>
  logInWith({ grant: "signature", message, signature });

export const me = () => get<t.Party>("/v1/me");
export const parties = () => all<t.Party>("/v1/parties", {});
export const connectionPoints = () => all<t.ConnectionPoint>("/v1/connection-points", {});
export const meters = () => all<t.Meter>("/v1/meters", {});
export const enrolMeter = (meter: t.NewMeter) => post<t.EnrolledMeter>("/v1/meters", meter);
export const makeCode = (point: string) =>
  post<t.ProvisioningCode>(`/v1/connection-points/${point}/codes`, {});
export const revokeMeter = (id: string) => post<t.Meter>(`/v1/meters/${id}/revocation`, {});
export const signOrder = (order: t.OrderTerms) =>
  post<{ signature: string } | t.Approval>("/v1/signatures/order", order);
export const signPayout = (terms: t.PayoutTerms) =>
  post<t.PayoutSignatures | t.Approval>("/v1/signatures/payout", terms);
export const signRedemption = (terms: t.PayoutTerms) =>
  post<t.PayoutSignatures | t.Approval>("/v1/signatures/redemption", terms);
export const signRequest = (terms: t.RequestTerms) =>
  post<{ signature: string } | t.Approval>("/v1/signatures/request", terms);
export const exportKey = (password: string, passphrase: string) =>
  post<t.ExportedKey>("/v1/me/key-export", { password, passphrase });
/** The addresses that an account settles at, oldest first. */
export const addresses = (account: string) => get<t.AccountAddress[]>(`/v1/accounts/${account}/addresses`);
export const prepareAddress = (account: string, wish: t.AddressWish) =>
  post<t.PreparedAddress>(`/v1/accounts/${account}/addresses/prepare`, wish);
export const assignAddress = (account: string, body: t.NewAddress) =>
  post<t.AccountAddress>(`/v1/accounts/${account}/addresses`, body);
/** Of a currency, or in `Wh` of certified energy. */
export const signingLimit = (account: string, unit?: string) =>
  get<t.SigningLimit>(`/v1/signing-limits/${account}`, { unit });
export const changeSigningLimit = (account: string, body: t.NewSigningLimit) =>
  put<t.SigningLimit | t.Approval>(`/v1/signing-limits/${account}`, body);
export const approvals = () => get<t.Page<t.Approval>>("/v1/approvals", { limit: 100 });
export const approve = (id: string) => post<t.Approval>(`/v1/approvals/${id}/approval`, {});
export const refuse = (id: string) => post<t.Approval>(`/v1/approvals/${id}/refusal`, {});
export const auditLog = (cursor?: string) =>
  get<t.Page<t.AuditEntry>>("/v1/audit-log", { limit: 100, cursor });

/** The services that send transactions. */
export const RELAYS = ["market", "billing", "metering"] as const;
export const relay = (service: (typeof RELAYS)[number], status?: t.RelayStatus, cursor?: string) =>
  get<t.RelayQueue>(`/v1/relay/${service}`, { limit: 25, status, cursor });

// market

export const market = (zone?: string) => get<t.Market>("/v1/market", { zone });
export const slot = (start: string) => get<t.Slot>(`/v1/slots/${start}`);
export const slotJournal = (start: string) => blob(`/v1/slots/${start}/journal`);
export const mechanisms = () => all<t.MechanismChoice>("/v1/mechanisms", {});
export const chooseMechanism = (from: string, mechanism: t.Mechanism, zone?: string) =>
  put<t.MechanismChoice>(`/v1/mechanisms/${from}`, mechanism, { zone });
export const stopTrading = (reason: string, where: t.StopWhere) => put<t.Stop>("/v1/stop", { reason }, where);
export const startTrading = (where: t.StopWhere) => agreed("DELETE", "/v1/stop", { query: where });
export const reputation = (zone?: string) => get<t.Page<t.Reputation>>("/v1/reputation", { zone, limit: 1000 });
export const suspensions = () => all<t.Suspension>("/v1/suspensions", {});
export const resume = ({ kind, id }: t.Suspension) => agreed("DELETE", `/v1/suspensions/${kind}/${id}`);
export const consents = () => get<t.Page<t.Consent>>("/v1/consents", { limit: 100 });
export const giveConsent = (id: string) => post<t.Consent>(`/v1/consents/${id}/approval`, {});
export const refuseConsent = (id: string) => post<t.Consent>(`/v1/consents/${id}/refusal`, {});
export const riskLimits = (zone?: string) => get<{ limits: t.RiskLimits }>("/v1/risk-limits", { zone });
export const setRiskLimits = (limits: t.RiskLimits, zone?: string) =>
  agreed("PUT", "/v1/risk-limits", { body: limits, query: { zone } });
export const cases = (query: { state?: string; kind?: string; cursor?: string }) =>
  get<t.Page<t.Case>>("/v1/surveillance/cases", { ...query, limit: 50 });
export const caseFile = (id: string) => get<t.CaseFile>(`/v1/surveillance/cases/${id}`);
export const decideCase = (id: string, decision: "dismiss" | "confirm", reason: string) =>
  post<t.CaseFile>(`/v1/surveillance/cases/${id}/decision`, { decision, reason });
export const rules = (zone?: string) => get<t.Rules>("/v1/rules", { zone });
export const setRule = (point: string, side: t.Side, body: t.RuleBody, zone?: string) =>
  put<t.Rule>(`/v1/rules/${point}/${side}`, body, { zone });
export const endRule = async (point: string, side: t.Side, zone?: string) => {
  await call("DELETE", `/v1/rules/${point}/${side}`, { query: { zone } });
};
export const memberships = (zone?: string) => get<t.Memberships>("/v1/memberships", { zone });
export const join = (point: string, zone?: string) => put<t.Membership>(`/v1/memberships/${point}`, {}, { zone });
export const leave = async (point: string, zone?: string) => {
  await call("DELETE", `/v1/memberships/${point}`, { query: { zone } });
};
export const mandates = (zone?: string) => get<t.Mandate[]>("/v1/mandates", { zone });
export const book = () => get<t.Page<t.Offer>>("/v1/book", { side: "sell", limit: 200 });
export const priceBand = (slot: string) => get<t.Band>("/v1/price-band", { slot });
export const ownOrders = () => get<t.Page<t.Order>>("/v1/orders", { limit: 50 });
export const placeOrder = (order: t.OrderTerms, signature: string, lifetime?: t.Lifetime) =>
  post<t.Order>("/v1/orders", { order, signature, ...lifetime });
/** Seals an order, and leaves what opens it with the market. */
export const sealOrder = (slot: string, order: t.OrderTerms, signature: string, salt: string) =>
  post<t.Commitment>("/v1/commitments", { slot, zone: order.zone, deposit: { order, signature, salt } });
export const ownCommitments = () => get<t.Page<t.Commitment>>("/v1/commitments", { limit: 50 });
export const withdrawCommitment = (name: string) => remove<t.Commitment>(`/v1/commitments/${name}`);
export const sealing = (zone?: string) => get<t.Sealing>("/v1/sealing", { zone });
export const chooseSealing = (from: string, reveal_seconds?: number, zone?: string) =>
  put<t.Sealing>(`/v1/sealing/${from}`, { reveal_seconds }, { zone });
/** All of them, as far as a list to choose from goes. */
export const allOwnOrders = () => all<t.Order>("/v1/orders", {});
/** Takes back all open ones; answers with those. */
export const cancelOrders = () => remove<t.Order[]>("/v1/orders");
export const cancelOrder = (id: string) => remove<t.Order>(`/v1/orders/${id}`);
export const depth = (slot: string) => get<t.Depth>(`/v1/slots/${slot}/depth`);
export const struckTrades = (slot: string, limit: number) =>
  get<t.Page<t.StruckTrade>>(`/v1/slots/${slot}/trades`, { limit });
export const trades = (limit: number) => get<t.Page<t.Trade>>("/v1/trades", { limit });

// metering

export const intervals = (connectionPoint: string, from: string, to: string) =>
  all<t.Interval>("/v1/intervals", { connection_point: connectionPoint, from, to });
export const quarantine = () => get<t.Page<t.Quarantined>>("/v1/quarantine", { limit: 100 });
export const tradeEvidence = (trade: string) =>
  get<t.TradeEvidence>(`/v1/readings/evidence/${encodeURIComponent(trade)}`);
export const meterStatus = (id: string) => get<t.MeterStatus>(`/v1/meters/${id}/status`);
export const describeMeter = (id: string, said: t.MeterDescription) =>
  put<t.MeterDescription>(`/v1/meters/${id}/description`, said);
export const meterChecks = (id: string) => get<t.Page<t.CheckedDay>>(`/v1/meters/${id}/checks`, { limit: 14 });
export const meterFiles = (id: string) => get<t.Page<t.MeterFile>>(`/v1/meters/${id}/files`, { limit: 20 });

// billing

export const wallet = () => get<t.Wallet>("/v1/wallet");
/** Without a currency it is the one that energy is traded in. */
export const statement = (currency: string | undefined, cursor?: string) =>
  get<t.Page<t.StatementLine>>("/v1/statement", { limit: 50, currency, cursor });
export const invoices = (account?: string) =>
  get<t.Page<t.Invoice>>("/v1/invoices", { limit: 100, account });
export const invoicePage = (id: string) => blob(`/v1/invoices/${id}/html`);
export const invoice = (id: string) => get<t.IssuedInvoice>(`/v1/invoices/${id}`);
export const invoicePayment = (id: string) => get<t.InvoicePayment>(`/v1/invoices/${id}/payment`);
export const receivables = (cursor?: string) =>
  get<t.Page<t.Receivable>>("/v1/receivables", { limit: 50, cursor });
/** All that are not paid, as far as a list to choose from goes. */
export const receivablesToChoose = () => all<t.Receivable>("/v1/receivables", {});
export const receivableAges = () => get<t.AgeClass[]>("/v1/receivables/ages");
/** Claims that were handed over and are not paid. */
export const handedOver = () => all<t.Receivable>("/v1/receivables/handed-over", {});
/** How the caller's account stands that pays before it uses, or how it would. */
export const prepaid = () => get<t.Prepaid>("/v1/prepaid");
export const agreePrepaid = () => put<t.Prepaid>("/v1/prepaid/agreement", {});
export const endPrepaid = async () => {
  await call("DELETE", "/v1/prepaid/agreement");
};
export const prepaidAccounts = () => all<t.PrepaidAccount>("/v1/prepaid/accounts", {});
export const suspensionsOfSupply = () => all<t.SupplySuspension>("/v1/prepaid/suspensions", {});
export const protectAccount = (account: string, isProtected: boolean) =>
  put<t.PrepaidAccount>(`/v1/prepaid/accounts/${account}/protection`, { protected: isProtected });
export const askSuspension = (account: string, reason: string) =>
  post<t.SupplySuspension>(`/v1/prepaid/accounts/${account}/suspension`, { reason });
export const decideSuspension = (id: string, decision: "approval" | "refusal") =>
  post<t.SupplySuspension>(`/v1/prepaid/suspensions/${id}/${decision}`, {});
/** The ladder in force, then those before. */
export const ladders = () => get<t.Ladder[]>("/v1/reminders/ladder");
export const setLadder = (ladder: t.NewLadder) => put<t.Ladder>("/v1/reminders/ladder", ladder);
/** What was issued after a bill, in order. */
export const corrections = (invoice: string) => get<t.Page<t.Correction>>("/v1/corrections", { invoice });
export const correction = (id: string) => get<t.IssuedCorrection>(`/v1/corrections/${id}`);
export const correctionFile = (id: string) => blob(`/v1/corrections/${id}/bill`);
export const correctionDocument = (id: string, format: DocumentFormat) =>
  blob(`/v1/corrections/${id}/document`, { format });
export const cancellations = (cursor?: string) =>
  get<t.Page<t.Cancellation>>("/v1/cancellations", { limit: 50, cursor });
export const askCancellation = (invoice: string, body: t.NewCancellation) =>
  post<t.Cancellation>(`/v1/invoices/${invoice}/cancellations`, body);
export const approveCancellation = (id: string) => post<t.Cancellation>(`/v1/cancellations/${id}/approval`, {});
export const refuseCancellation = (id: string) => post<t.Cancellation>(`/v1/cancellations/${id}/refusal`, {});
/** What staff proposed, and what was decided. */
export const tariffProposals = (cursor?: string) =>
  get<t.Page<t.TariffProposal>>("/v1/tariffs/proposals", { limit: 50, cursor });
export const tariffProposal = (id: string) => get<t.ProposedTariff>(`/v1/tariffs/proposals/${id}`);
export const proposeTariff = (text: string, query: { format: t.TariffForm; valid_from?: string }) =>
  answer<t.ProposedTariff, "POST">("POST", "/v1/tariffs", { body: text, query });
export const approveTariff = (id: string) => post<t.ProposedTariff>(`/v1/tariffs/proposals/${id}/approval`, {});
export const refuseTariff = (id: string) => post<t.ProposedTariff>(`/v1/tariffs/proposals/${id}/refusal`, {});
export const disputeInvoice = (invoice: string, body: t.NewDispute) =>
  post<t.Dispute>(`/v1/invoices/${invoice}/disputes`, body);
export const disputes = (query: { account?: string; invoice?: string; state?: t.DisputeState; cursor?: string }) =>
  get<t.Page<t.DisputeSummary>>("/v1/disputes", { limit: 50, ...query });
export const dispute = (id: string) => get<t.Dispute>(`/v1/disputes/${id}`);
export const sayInDispute = (id: string, text: string, decision?: t.Decision) =>
  post<t.Dispute>(`/v1/disputes/${id}/statements`, { text, decision });
/** What a bill can be had as. */
export type DocumentFormat = "pdf" | "xml" | "json";
export const invoiceDocument = (id: string, format: DocumentFormat) => blob(`/v1/invoices/${id}/document`, { format });
export const contact = () => get<t.Contact | null>("/v1/contact");
export const setContact = (wish: t.ContactWish) => put<t.Contact>("/v1/contact", wish);
export const confirmContact = (code: string) => post<t.Contact>("/v1/contact/confirmation", { code });
export const forgetContact = async () => {
  await call("DELETE", "/v1/contact");
};
export const collectingAccount = () => get<{ account: string } | null>("/v1/collecting-account");
export const prepareWalletPayment = (invoice: string, amount: string) =>
  post<t.PreparedRequest>(`/v1/invoices/${invoice}/wallet-payments/prepare`, { amount });
export const payFromWallet = async (invoice: string, terms: t.RequestTerms, signature: string, key: string) => {
  await call("POST", `/v1/invoices/${invoice}/wallet-payments`, { body: { terms, signature }, key });
};
export const compareBills = (sent: t.ShadowFile) => post<t.ShadowReport>("/v1/bills/comparison", sent);
export const differences = async (sent: t.ShadowFile) =>
  (await call("POST", "/v1/bills/comparison", { body: sent, query: { format: "csv" } })).blob();
export const webhooks = () => get<t.Page<t.Webhook>>("/v1/webhooks");
export const addWebhook = (terms: t.WebhookTerms) => post<t.NewWebhook>("/v1/webhooks", terms);
export const changeWebhook = (id: string, terms: t.WebhookTerms) => put<t.Webhook>(`/v1/webhooks/${id}`, terms);
export const removeWebhook = async (id: string) => {
  await call("DELETE", `/v1/webhooks/${id}`);
};
export const rotateWebhookSecret = (id: string) => post<t.NewWebhook>(`/v1/webhooks/${id}/secret`, {});
export const testWebhook = (id: string) => post<t.WebhookTest>(`/v1/webhooks/${id}/test`, {});
export const replayWebhook = (id: string, message?: string) =>
  post<t.Replayed>(`/v1/webhooks/${id}/replay`, message ? { message } : {});
export const deliveries = (id: string, state?: t.DeliveryState, cursor?: string) =>
  get<t.Page<t.Delivery>>(`/v1/webhooks/${id}/deliveries`, { limit: 25, state, cursor });
export const issuer = () => get<t.Issuer | null>("/v1/documents/issuer");
export const setIssuer = async (issuer: t.Issuer) => {
  await call("PUT", "/v1/documents/issuer", { body: issuer });
};
export const customer = () => get<t.DocumentParty | null>("/v1/documents/customer");
export const setCustomer = async (customer: Omit<t.DocumentParty, "id">) => {
  await call("PUT", "/v1/documents/customer", { body: customer });
};
export const forgetCustomer = async () => {
  await call("DELETE", "/v1/documents/customer");
};
export const invoiceFile = (id: string) => blob(`/v1/invoices/${id}/bill`);
export const bankAccount = (currency?: string) => maybe<t.BankAccount>("/v1/bank/account", { currency });
export const unmatched = (cursor?: string) =>
  get<t.Page<t.UnmatchedPayment>>("/v1/bank/unmatched", { limit: 50, cursor });
export const assignPayment = (id: number, account: string) =>
  post<t.Deposit>(`/v1/bank/unmatched/${id}`, { account });
export const assignToInvoice = (id: number, invoice: string) =>
  post<t.AssignedPayment>(`/v1/bank/unmatched/${id}/invoice`, { invoice });
/** The reports of days, both included, and the one of today. */
export type PeriodReport = "settlement" | "residual-load" | "charges" | "estimated";
export const periodReport = <R>(name: PeriodReport, from: string, to: string) =>
  get<R[]>(`/v1/reports/${name}`, { from, to });
export const unbilledReport = () => get<t.UnbilledRow[]>("/v1/reports/unbilled");
export const reportFile = (name: PeriodReport | "unbilled", days?: { from: string; to: string }) =>
  blob(`/v1/reports/${name}`, { ...days, format: "csv" });
export const preparePayout = (wish: t.PayoutWish, address: string) =>
  answer<t.PreparedPayout, "POST">("POST", "/v1/payouts/prepare", { body: wish, query: { address } });
export const requestPayout = (terms: t.PayoutTerms, signed: t.PayoutSignatures, currency?: string) => {
  const { account, amount, creditor, iban, salt, expiry } = terms;
  const to = iban ? { creditor, iban } : {};
  const signatures = { withdrawal_signature: signed.withdrawal, redemption_signature: signed.redemption };
  const body = { amount, ...to, salt, expiry, currency, ...signatures };
  // It may have been prepared before the account went to its next address.
  return postOnce<t.Payout>("/v1/payouts", body, salt, { address: account });
};
export const payouts = (query: { account?: string; state?: string; cursor?: string }) =>
  get<t.Page<t.Payout>>("/v1/payouts", { limit: 50, ...query });
/** The newest of an account, in all currencies: the route knows none. */
export const payoutsOf = (account: string) => some<t.Payout>("/v1/payouts", { account }, OWN_MAX);
export const orderPayoutAgain = (id: string) => post<t.Payout>(`/v1/payouts/${id}/order`, {});
export const creditPayout = (id: string) => post<t.Payout>(`/v1/payouts/${id}/credit`, {});
export const payoutFiles = () => get<t.Page<t.PayoutFile>>("/v1/payouts/files", { limit: 50 });
export const makePayoutFile = (key: string, currency?: string) =>
  postOnce<t.PayoutFile>("/v1/payouts/files", {}, key, { currency });
export const payoutFile = (id: string) => blob(`/v1/payouts/files/${id}`);
export const prepareRequest = (wish: t.RequestWish, address?: string) =>
  answer<t.PreparedRequest, "POST">("POST", "/v1/requests/prepare", { body: wish, query: { address } });
export const submitRequest = (terms: t.RequestTerms, signature: string, key: string) =>
  postOnce<t.AccountRequest>("/v1/requests", { terms, signature }, key);
export const requests = (query: { account?: string; kind?: t.RequestTerms["kind"]; cursor?: string }) =>
  get<t.Page<t.AccountRequest>>("/v1/requests", { limit: 50, ...query });
/** The newest of one kind that an account signed. */
export const requestsOf = (account: string, kind: t.RequestTerms["kind"]) =>
  some<t.AccountRequest>("/v1/requests", { account, kind }, OWN_MAX);
export const currencies = () => get<t.Currency[]>("/v1/currencies");
export const dealerTransfers = (cursor?: string) =>
  get<t.Page<t.DealerTransfer>>("/v1/exchange/dealer-transfers", { limit: 50, cursor });
export const askDealerTransfer = (body: t.NewDealerTransfer) =>
  post<t.DealerTransfer>("/v1/exchange/dealer-transfers", body);
export const approveDealerTransfer = (id: string) =>
  post<t.DealerTransfer>(`/v1/exchange/dealer-transfers/${id}/approval`, {});
export const refuseDealerTransfer = (id: string) =>
  post<t.DealerTransfer>(`/v1/exchange/dealer-transfers/${id}/refusal`, {});
export const exchangeRates = () => get<t.ExchangeRates>("/v1/exchange-rates");
export const quoteExchange = (wish: t.QuoteWish) => post<t.Quote>("/v1/exchange/quotes", wish);
export const orderExchange = (quote: string, signature: string) =>
  postOnce<t.Exchange>("/v1/exchange/orders", { quote, signature }, quote);
export const exchanges = (account?: string) =>
  get<t.Page<t.Exchange>>("/v1/exchange/orders", { limit: 50, account });
export const prepareChallenge = (wish: t.ChallengeWish) =>
  post<t.PreparedChallenge>("/v1/trade-challenges/prepare", wish);
export const fileChallenge = (wish: t.ChallengeWish) => post<t.TradeChallenge>("/v1/trade-challenges", wish);
export const tradeChallenges = (cursor?: string) =>
  get<t.Page<t.TradeChallenge>>("/v1/trade-challenges", { limit: 50, cursor });
export const certificates = (cursor?: string) =>
  get<t.Holdings>("/v1/certificates", { limit: 50, cursor });
export const retirements = (account?: string) =>
  all<t.Retirement>("/v1/certificates/retirements", { account });
export const issues = (refused: boolean, cursor?: string) =>
  get<t.Page<t.Issue>>("/v1/certificates/issues", { limit: 50, refused, cursor });
export const sources = () => get<t.Sources>("/v1/certificate-sources", { limit: 1000 });
export const setSource = (point: string, code: string) =>
  put<t.SourcedPoint>(`/v1/certificate-sources/${point}`, { code });
export const endSource = (point: string) => remove<t.SourcedPoint>(`/v1/certificate-sources/${point}`);
export const audit = () => get<t.Audit>("/v1/audit");
export const reserve = () => get<t.Reserve>("/v1/reserve");

// explorer

export const blocks = (cursor?: string) =>
  get<t.Page<t.Block>>("/v1/explorer/blocks", { limit: 25, cursor });
export const block = (id: string) =>
  get<t.BlockDetail>(`/v1/explorer/blocks/${encodeURIComponent(id)}`);
export const transactions = (address?: string, cursor?: string) =>
  get<t.Page<t.Transaction>>("/v1/explorer/transactions", { limit: 25, address, cursor });
export const transaction = (hash: string) =>
  get<t.Transaction>(`/v1/explorer/transactions/${encodeURIComponent(hash)}`);
export const chainTrades = (address?: string, cursor?: string) =>
  get<t.Page<t.ChainTrade>>("/v1/explorer/trades", { limit: 25, address, cursor });
export const chainTrade = (id: string) =>
  get<t.ChainTrade>(`/v1/explorer/trades/${encodeURIComponent(id)}`);
/** Without a kind, all but blocks. */
export const feedEvents = (kind?: t.FeedKind, cursor?: string) =>
  get<t.Page<t.FeedEvent>>("/v1/explorer/events", { limit: 25, kind, cursor });
export const roleChanges = () => get<t.Page<t.RoleChange>>("/v1/role-changes");
export const search = async (q: string) =>
  (await get<{ items: t.Hit[] }>("/v1/explorer/search", { q })).items;
