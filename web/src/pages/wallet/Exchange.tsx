import { useEffect, useState } from "react";
import * as api from "../../api";
import {
  LATEST_SECONDS, amountError, checkQuote, freeOf, inCurrency, openRates, pairOf, rateText, secondsLeft,
} from "../../exchange";
import { AmountField, Form, SelectField } from "../../fields";
import { MONEY_SCALE, parseDecimal, plainDecimal } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES } from "../../request";
import { signRequest } from "../../sign";
import { SignedBy, Signing, SigningFlow, WAITS_FOR_CONSENT, useSigning } from "../../signing";
import type { Account, Balance, Exchange, ExchangeRate, Quote, QuoteWish } from "../../types";
import { Address, Card, Load, Notice, Standing, Table, When } from "../../ui";
import { useUser } from "../../user";

/** Cash of one currency, `from` first, for cash of another, and what became of it. */
export function ExchangeCards(props: { balances: Balance[]; from: string; zone: string | undefined }) {
  const { balances, from, zone } = props;
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
              from={from}
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
      empty="Nothing was exchanged yet. Ask for a quote above."
      columns={[
        { head: "When", cell: ({ at }) => <When at={at} zone={zone} /> },
        { head: "Gave", numeric: true, cell: ({ given, from }) => inCurrency(given, from, MONEY_SCALE) },
        { head: "Got", numeric: true, cell: ({ taken, to }) => inCurrency(taken, to, MONEY_SCALE) },
        { head: "State", cell: ({ state, reason }) => <Standing of={REQUEST_STATES[state]} reason={reason} /> },
      ]}
    />
  );
}

interface FormProps {
  account: Account;
  balances: Balance[];
  /** What is offered first. */
  from: string;
  rates: ExchangeRate[];
  onOrdered: () => void;
}

function ExchangeMoney({ account, balances, from, rates, onOrdered }: FormProps) {
  const [chosen, setChosen] = useState("");
  const [amountText, setAmount] = useState("");
  const [tried, setTried] = useState(false);
  const signing = useSigning<Quote>(() => {
    setAmount("");
    setTried(false);
    onOrdered();
  });
  const chosenRate = rates.find((one) => pairOf(one) === chosen);
  const rate = chosenRate ?? rates.find((one) => one.from === from) ?? rates[0];
  if (!rate && !signing.prepared) return <Notice tone="info">Nobody exchanges currencies at present.</Notice>;
  const free = rate ? freeOf(balances, rate.from) : 0n;
  const amount = parseDecimal(amountText, MONEY_SCALE);
  const problem = rate && amountError(amount, free, rate.from);

  const ask = () => {
    setTried(true);
    if (problem || amount === null || !rate) return;
    const wish: QuoteWish = { from: rate.from, to: rate.to, amount: plainDecimal(amount, MONEY_SCALE) };
    void signing.prepare(async () => {
      const currencies = await api.currencies();
      const market = (code: string) => currencies.find((one) => one.code === code)?.market;
      const markets = { from: market(wish.from), to: market(wish.to) };
      return checkQuote(await api.quoteExchange(wish), wish, account.address, markets);
    });
  };
  return (
    <SigningFlow
      of={signing}
      review={(quote) => <Confirm quote={quote} account={account} onDone={signing.done} onBack={signing.back} />}
    >
      {rate && (
        <Form wide onSubmit={ask}>
          <SelectField label="From, into" hint={rateText(rate)} value={pairOf(rate)} onChange={setChosen}>
            {rates.map((one) => (
              <option key={pairOf(one)} value={pairOf(one)}>
                {one.from} into {one.to}
              </option>
            ))}
          </SelectField>
          <AmountField
            label={`How much (${rate.from})`}
            hint={`You have ${inCurrency(free, rate.from)} free; up to ${inCurrency(rate.left ?? "0", rate.to)} can be had.`}
            error={tried ? problem : undefined}
            required
            placeholder="50.00"
            value={amountText}
            onChange={setAmount}
          />
          <button type="submit" disabled={signing.busy}>
            Ask for a quote
          </button>
        </Form>
      )}
    </SigningFlow>
  );
}

/** A quote while it stands: what is given and got, how long there is, and the signature. */
function Confirm(props: { quote: Quote; account: Account; onDone: (text: string) => void; onBack: () => void }) {
  const { quote, account } = props;
  const [left, setLeft] = useState(quote.stands_seconds);
  useEffect(() => {
    const came = Date.now();
    const timer = setInterval(() => setLeft(secondsLeft(quote, came, Date.now())), 1000);
    return () => clearInterval(timer);
  }, [quote]);
  const over = left < LATEST_SECONDS;
  const sign = async () => {
    const signed = await signRequest(quote, account.custody);
    if (typeof signed !== "string") return props.onDone(WAITS_FOR_CONSENT);
    await api.orderExchange(quote.quote, signed);
    props.onDone("The exchange is on its way. The table below follows it.");
  };
  return (
    <Signing
      facts={[
        ["You give", inCurrency(quote.given, quote.from, MONEY_SCALE)],
        ["You get", <b key="t">{inCurrency(quote.taken, quote.to, MONEY_SCALE)}</b>],
        ["Rate", rateText(quote)],
        ["Stands for", <span key="s" role="timer">{over ? "over" : `${left} seconds`}</span>],
        ["With", <Address key="d" value={quote.terms.dealer} />],
      ]}
      action="Sign and exchange"
      hint={
        <>
          <SignedBy shown="what you give" /> It costs nothing but the dealer’s part.
        </>
      }
      over={over}
      sign={sign}
      onBack={props.onBack}
    >
      <p>Both sides happen or none. Nobody can take it back once it is in a block.</p>
      {over && <Notice tone="info">The quote is over: go back and ask for another one.</Notice>}
    </Signing>
  );
}
