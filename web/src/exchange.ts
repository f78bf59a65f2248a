// The exchange of currencies: what an account asks for and signs, in words and checked.

import { sameAddress } from "./address";
import { MONEY_SCALE, formatDecimal, money, parseDecimal, readDecimal } from "./format";
import type { Balance, ExchangeRate, Quote, QuoteWish } from "./types";

/** Seconds before its end at which a quote is not sent any more: it would come too late. */
export const LATEST_SECONDS = 15;

/** An amount with the currency it is in. */
export const inCurrency = (amount: string | bigint, currency: string, decimals = 2) =>
  `${money(amount, decimals)} ${currency}`;

/** What can be exchanged by somebody with these balances: pairs with a rate and something left of it. */
export function openRates(rates: ExchangeRate[]): ExchangeRate[] {
  return rates.filter(({ left }) => left !== undefined && readDecimal(left, MONEY_SCALE) > 0n);
}

/** Names a pair in a list. */
export const pairOf = ({ from, to }: { from: string; to: string }) => `${from}/${to}`;

/** A rate for people: what one of the source is worth, before and after the spread. */
export function rateText({ from, to, rate, spread_bps }: Omit<ExchangeRate, "limit" | "at">): string {
  const one = formatDecimal(BigInt(rate), MONEY_SCALE, 2, MONEY_SCALE);
  const spread = formatDecimal(BigInt(spread_bps), 2, 0, 2);
  return `1 ${from} is ${one} ${to}, less ${spread} % for the dealer`;
}

/** What somebody has free of a currency. */
export function freeOf(balances: Balance[], currency: string): bigint {
  const balance = balances.find((one) => one.currency === currency);
  return balance ? readDecimal(balance.free, MONEY_SCALE) : 0n;
}

/** What is wrong with an amount, if anything. */
export function amountError(amount: bigint | null, free: bigint, currency: string): string | undefined {
  if (amount === null || amount <= 0n) return "Enter an amount such as 12.50.";
  if (amount > free) return `You have only ${inCurrency(free, currency, MONEY_SCALE)} free.`;
  return undefined;
}

/** Whole seconds until a quote is over, at least zero; `came` and `now` in milliseconds of this clock, which
 * may not be the server's. */
export function secondsLeft(quote: Pick<Quote, "stands_seconds">, came: number, now: number): number {
  return Math.max(0, Math.floor(quote.stands_seconds - (now - came) / 1000));
}

const OTHER = "The server quoted something else than was asked for. Nothing was signed.";

/** Throws where a quote is not what `account` asked for, gives nothing, or is not what its wallet would
 * sign; `markets` are the markets of both currencies, as the installation says. */
export function checkQuote(
  quote: Quote,
  wish: QuoteWish,
  account: string,
  markets: { from: string | undefined; to: string | undefined },
): Quote {
  const { terms, typed_data } = quote;
  const given = parseDecimal(wish.amount, MONEY_SCALE);
  const { domain, message } = typed_data;
  const fits =
    quote.from === wish.from &&
    quote.to === wish.to &&
    readDecimal(terms.given, MONEY_SCALE) === given &&
    readDecimal(quote.given, MONEY_SCALE) === given &&
    readDecimal(terms.taken, MONEY_SCALE) > 0n &&
    readDecimal(terms.taken, MONEY_SCALE) === readDecimal(quote.taken, MONEY_SCALE) &&
    Number.isSafeInteger(terms.expiry) &&
    same(terms.account, account) &&
    same(terms.from, markets.from) &&
    same(terms.to, markets.to) &&
    same(domain.verifyingContract, terms.from) &&
    same(message.account, terms.account) &&
    same(message.to, terms.dealer) &&
    message.amount === String(given) &&
    message.expiry === String(terms.expiry) &&
    message.link === quote.quote;
  if (!fits) throw new Error(OTHER);
  return quote;
}

const same = (one: string | undefined, other: string | undefined) => !!one && !!other && sameAddress(one, other);
