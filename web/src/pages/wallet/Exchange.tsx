import { type FormEvent, useEffect, useRef, useState } from "react";
import * as api from "../../api";
import {
  LATEST_SECONDS, amountError, checkQuote, freeOf, inCurrency, openRates, pairOf, rateText, secondsLeft,
} from "../../exchange";
import { MONEY_SCALE, moment, parseDecimal, plainDecimal, utc } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES } from "../../request";
import { signRequest } from "../../sign";
import type { Account, Balance, Exchange, ExchangeRate, Quote, QuoteWish } from "../../types";
import { Badge, Card, Facts, Field, Hash, Load, Notice, Table } from "../../ui";
import { useUser } from "../../user";
import { WAITS_FOR_CONSENT } from "./Review";

/** Cash of one currency for cash of another, and what became of it. */
export function ExchangeCards({ balances, zone }: { balances: Balance[]; zone: string | undefined }) {
  const { account } = useUser();
  const rates = useLoad("exchange rates", api.exchangeRates, ["block"]);
  const orders = useLoad("exchanges", () => api.exchanges(account?.account), ["block", "block_removed"]);
  if (!account) return null;
  return (
    <>
      <Card title="Exchange" id="exchange">
        <Load of={rates}>
          {(data) => (
            <ExchangeMoney
              account={account}
              balances={balances}
              rates={openRates(data.rates)}
              onOrdered={() => {
                orders.reload();
                rates.reload();
              }}
            />
          )}
        </Load>
      </Card>
      <Card title="Exchanged" id="exchanges">
        <Load of={orders}>{(page) => <History items={page.items} zone={zone} />}</Load>
      </Card>
    </>
  );
}

function History({ items, zone }: { items: Exchange[]; zone: string | undefined }) {
  return (
    <Table
      caption="Exchanges, newest first"
      rows={items}
      rowKey={(item) => item.id}
      empty="Nothing was exchanged yet."
      columns={[
        {
          head: "When",
          cell: ({ at }) => (
            <time dateTime={at} title={utc(at)}>
              {moment(at, zone)}
            </time>
          ),
        },
        { head: "Gave", numeric: true, cell: ({ given, from }) => inCurrency(given, from, MONEY_SCALE) },
        { head: "Got", numeric: true, cell: ({ taken, to }) => inCurrency(taken, to, MONEY_SCALE) },
        { head: "State", cell: (item) => <State item={item} /> },
      ]}
    />
  );
}

function State({ item: { state, reason } }: { item: Exchange }) {
  const [text, tone] = REQUEST_STATES[state];
  return (
    <>
      <Badge tone={tone}>{text}</Badge>
      {reason && <span className="muted"> {reason}</span>}
    </>
  );
}

interface FormProps {
  account: Account;
  balances: Balance[];
  rates: ExchangeRate[];
  onOrdered: () => void;
}

function ExchangeMoney({ account, balances, rates, onOrdered }: FormProps) {
  const [chosen, setChosen] = useState("");
  const [amountText, setAmount] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [quote, setQuote] = useState<Quote>();
  const [outcome, setOutcome] = useState<string | Error>();
  const rate = rates.find((one) => pairOf(one) === chosen) ?? rates[0];
  if (!rate && !quote) return <Notice tone="info">Nobody exchanges currencies at present.</Notice>;
  const free = rate ? freeOf(balances, rate.from) : 0n;
  const amount = parseDecimal(amountText, MONEY_SCALE);
  const problem = rate && amountError(amount, free, rate.from);

  const ask = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    setOutcome(undefined);
    if (problem || amount === null || !rate) return;
    setBusy(true);
    try {
      const wish: QuoteWish = { from: rate.from, to: rate.to, amount: plainDecimal(amount, MONEY_SCALE) };
      const currencies = await api.currencies();
      const market = (code: string) => currencies.find((one) => one.code === code)?.market;
      const markets = { from: market(wish.from), to: market(wish.to) };
      setQuote(checkQuote(await api.quoteExchange(wish), wish, account.address, markets));
    } catch (error) {
      setOutcome(error as Error);
    } finally {
      setBusy(false);
    }
  };
  const done = (text: string) => {
    setOutcome(text);
    setQuote(undefined);
    setAmount("");
    setTried(false);
    onOrdered();
  };

  return (
    <>
      {quote ? (
        <Confirm quote={quote} account={account} onDone={done} onBack={() => setQuote(undefined)} />
      ) : (
        rate && (
          <form className="form wide" onSubmit={ask} noValidate>
            <Field label="From, into" hint={rateText(rate)}>
              {(attributes) => (
                <select {...attributes} value={pairOf(rate)} onChange={(event) => setChosen(event.target.value)}>
                  {rates.map((one) => (
                    <option key={pairOf(one)} value={pairOf(one)}>
                      {one.from} into {one.to}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field
              label={`How much (${rate.from})`}
              hint={`You have ${inCurrency(free, rate.from)} free; up to ${inCurrency(rate.left ?? "0", rate.to)} can be had.`}
              error={tried ? problem : undefined}
            >
              {(attributes) => (
                <input
                  {...attributes}
                  required
                  inputMode="decimal"
                  autoComplete="off"
                  placeholder="50.00"
                  value={amountText}
                  onChange={(event) => setAmount(event.target.value)}
                />
              )}
            </Field>
            <button type="submit" disabled={busy}>
              Ask for a quote
            </button>
          </form>
        )
      )}
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
    </>
  );
}

/** A quote while it stands: what is given and got, how long there is, and the signature. */
function Confirm(props: { quote: Quote; account: Account; onDone: (text: string) => void; onBack: () => void }) {
  const { quote, account } = props;
  const [left, setLeft] = useState(quote.stands_seconds);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.focus();
    const came = Date.now();
    const timer = setInterval(() => setLeft(secondsLeft(quote, came, Date.now())), 1000);
    return () => clearInterval(timer);
  }, [quote]);
  const over = left < LATEST_SECONDS;
  const confirm = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const signed = await signRequest(quote, account.custody);
      if (typeof signed !== "string") return props.onDone(WAITS_FOR_CONSENT);
      await api.orderExchange(quote.quote, signed);
      props.onDone("The exchange is on its way. The table below follows it.");
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <div className="review" ref={place} tabIndex={-1} role="group" aria-label="Check, then sign">
      <p>Both sides happen or none. Nobody can take it back once it is in a block.</p>
      <Facts
        items={[
          ["You give", inCurrency(quote.given, quote.from, MONEY_SCALE)],
          ["You get", <b key="t">{inCurrency(quote.taken, quote.to, MONEY_SCALE)}</b>],
          ["Rate", rateText(quote)],
          ["Stands for", <span key="s" role="timer">{over ? "over" : `${left} seconds`}</span>],
          [
            "With",
            <Hash
              key="d"
              value={quote.terms.dealer}
              href={`/explorer/address/${quote.terms.dealer.toLowerCase()}`}
            />,
          ],
        ]}
      />
      <p className="hint">
        {account.custody === "own"
          ? "Your wallet shows what you give and signs it."
          : "The operator holds your key and signs it for you."}{" "}
        It costs nothing but the dealer’s part.
      </p>
      <div className="row-actions">
        <button type="button" className="quiet" onClick={props.onBack} disabled={busy}>
          Back
        </button>
        <button type="button" className="primary" onClick={confirm} disabled={busy || over}>
          {busy ? "Signing…" : "Sign and exchange"}
        </button>
      </div>
      {over && !busy && <Notice tone="info">The quote is over: go back and ask for another one.</Notice>}
      {error && <Notice tone="bad">{error.message}</Notice>}
    </div>
  );
}
