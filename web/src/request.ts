// What an account signs besides orders and payouts, in words and checked.

import { readAddress, readRecipient, sameAddress } from "./address";
import { MONEY_SCALE, count, money, parseDecimal, readDecimal } from "./format";
import { limitsOfTerms, limitWords } from "./mandate";
import type {
  CertificateTerms, CertificateWish, PreparedRequest, RequestState, RequestTerms, RequestWish, TypedData,
} from "./types";
import type { Tone } from "./ui";

export const REQUEST_STATES: Record<RequestState, [string, Tone]> = {
  sent: ["Waits for a block", "info"],
  done: ["Done", "good"],
  failed: ["Failed", "bad"],
};

/** What is wrong with a recipient, if anything. */
export function recipientError(text: string, own: { account: string; address: string }): string | undefined {
  const recipient = readRecipient(text);
  if (!recipient) return "Enter an address (0x and 40 digits) or an account's id.";
  const mine = [own.account, own.address].some((one) => sameAddress(one, recipient));
  return mine ? "This is your own account." : undefined;
}

/** What is wrong with an amount, if anything; `left` is what the account can give, `write` says how much that is. */
export function transferError(
  amount: bigint | null,
  left: bigint | undefined,
  write: (amount: bigint) => string,
): string | undefined {
  if (amount === null || amount <= 0n) return "Enter an amount such as 12.50.";
  if (left !== undefined && amount > left) return `You have only ${write(left)} free.`;
  return undefined;
}

/** Names a request for good: sent twice it is taken once. The server takes an end of orders once under any name, and
 * again where it failed, under another one: each attempt has its own. */
export function keyOf(terms: RequestTerms): string {
  if (terms.kind === "transfer" || terms.kind === "currency_transfer") return `transfer ${terms.nonce}`;
  if (terms.kind === "exchange") return `exchange ${terms.accountNonce}`;
  if (terms.kind === "cancellation") return `cancellation ${crypto.getRandomValues(new BigUint64Array(2)).join("")}`;
  if (terms.kind !== "mandate") return `${terms.kind} ${terms.nonce}`;
  return `mandate ${terms.delegate} ${terms.version}`;
}

/** Whether the terms can be sent again as they came: numbers of JSON beyond 2^53 were rounded. */
export function isExact(terms: RequestTerms): boolean {
  return Object.values(terms).every((value) => typeof value !== "number" || Number.isSafeInteger(value));
}

const OTHER = "The server prepared something else than was asked for. Nothing was signed.";

/** Throws where what was prepared is not what `account` wished, or not what its wallet would sign. Money is signed for
 * the `market` of its currency alone, where that is known. */
export function checkPrepared(
  prepared: PreparedRequest,
  wish: RequestWish,
  account: string,
  market?: string,
): PreparedRequest {
  const { terms, typed_data } = prepared;
  const own = sameAddress(terms.account, account) && isWished(terms, wish, market);
  const at = typed_data.domain.verifyingContract;
  const elsewhere = wish.kind === "transfer" && market !== undefined && !sameAddress(at, market);
  if (!own || elsewhere || !isExact(terms) || !isShown(terms, typed_data)) throw new Error(OTHER);
  return prepared;
}

/** Whether a wallet is shown the same terms: addresses and hashes are numbers as well. */
function isShown(terms: RequestTerms, { domain, message }: TypedData): boolean {
  const fields = Object.entries(terms).filter(([name]) => name !== "kind");
  // Lists are in those of ends of orders alone.
  const all: Record<string, string | string[] | undefined> = message;
  return fields.every(([name, value]) => {
    // The market of a currency is whom the wallet signs for.
    if (name === "market") return sameAddress(domain.verifyingContract, String(value));
    const shown = all[name];
    if (Array.isArray(shown)) return Array.isArray(value) && sameNumbers(shown, value);
    if (name === "beneficiary") return shown === value;
    const cash = name === "amount" && (terms.kind === "transfer" || terms.kind === "currency_transfer");
    return shown !== undefined && numberOf(shown) === (cash ? parseDecimal(String(value), MONEY_SCALE) : numberOf(value));
  });
}

/** Whether both are the same numbers in the same order. */
function sameNumbers(these: string[], those: string[]): boolean {
  return these.length === those.length && these.every((one, place) => numberOf(one) === numberOf(those[place]!));
}

function numberOf(value: string | number): bigint | null {
  return typeof value === "number" || /^(0x[0-9a-f]+|\d+)$/i.test(value) ? BigInt(value) : null;
}

/** Whose address an id stands for only the server knows: the owner reads it before signing. */
function isRecipient(to: string, wished: string): boolean {
  return !readAddress(wished) || sameAddress(to, wished);
}

function isWished(terms: RequestTerms, wish: RequestWish, market: string | undefined): boolean {
  if (wish.kind === "transfer") {
    if (terms.kind !== (wish.currency ? "currency_transfer" : "transfer")) return false;
    if (terms.kind === "currency_transfer" && !(market && sameAddress(terms.market, market))) return false;
    return isRecipient(terms.to, wish.to) && readDecimal(terms.amount, MONEY_SCALE) === parseDecimal(wish.amount, MONEY_SCALE);
  }
  if (terms.kind === "mandate" && wish.kind === "mandate") {
    return (
      sameAddress(terms.delegate, wish.delegate) &&
      sameAddress(terms.policy, wish.policy) &&
      terms.until === (wish.until ? Date.parse(wish.until) / 1000 : 0) &&
      terms.buyPriceMax === wish.buy_price_max &&
      terms.sellPriceMin === wish.sell_price_min &&
      terms.quantityPerSlot === wish.quantity_per_slot &&
      terms.quantityPerDay === wish.quantity_per_day
    );
  }
  if (terms.kind === "certificate_transfer" && wish.kind === "certificate_transfer") {
    return isRecipient(terms.to, wish.to) && isOf(terms, wish);
  }
  if (terms.kind === "cancellation" && wish.kind === "cancellation") return sameNumbers(terms.nonces, wish.nonces);
  if (terms.kind === "certificate_retirement" && wish.kind === "certificate_retirement") {
    return terms.beneficiary === wish.beneficiary && isOf(terms, wish);
  }
  return false;
}

/** Whether it is as much of the same certificate. */
function isOf(terms: CertificateTerms, wish: CertificateWish): boolean {
  return numberOf(terms.certificate) === numberOf(wish.certificate) && numberOf(terms.amount) === BigInt(wish.wh);
}

/** An amount of the currency that a market holds. */
export function ofMarket(amount: string, market: string, nameOf: (address: string) => string | undefined): string {
  return `${money(amount, MONEY_SCALE)} ${nameOf(market) ?? `of the currency at ${market}`}`;
}

/** What is asked for, in a line; `nameOf` knows whose some addresses are, and of which currency some markets. */
export function requestText(terms: RequestTerms, nameOf: (address: string) => string | undefined = () => undefined) {
  const who = (address: string) => {
    const name = nameOf(address);
    return name ? `${name} (${address})` : address;
  };
  if (terms.kind === "transfer") return `Send $${money(terms.amount, MONEY_SCALE)} to ${who(terms.to)}`;
  if (terms.kind === "currency_transfer") {
    return `Send ${ofMarket(terms.amount, terms.market, nameOf)} to ${who(terms.to)}`;
  }
  if (terms.kind === "exchange") {
    const [given, taken] = [ofMarket(terms.given, terms.from, nameOf), ofMarket(terms.taken, terms.to, nameOf)];
    return `Exchange ${given} for ${taken}, with ${who(terms.dealer)}`;
  }
  if (terms.kind === "certificate_transfer") {
    return `Give ${count(BigInt(terms.amount))} Wh of a certificate to ${who(terms.to)}`;
  }
  if (terms.kind === "certificate_retirement") {
    return `Retire ${count(BigInt(terms.amount))} Wh of a certificate for ${terms.beneficiary}`;
  }
  if (terms.kind === "cancellation") return `End ${count(terms.nonces.length)} orders on chain`;
  if (terms.until === 0) return `End the mandate of ${who(terms.delegate)}`;
  return `Let ${who(terms.delegate)} sign orders: ${limitWords(limitsOfTerms(terms))}`;
}
