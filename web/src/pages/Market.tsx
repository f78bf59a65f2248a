import { useState } from "react";
import * as api from "../api";
import { Filter } from "../fields";
import {
  ENERGY_SCALE, MONEY_SCALE, PRICE_SCALE, clock, column, count, dateIn, day, kwh, money, moment,
  price, readDecimal, slotSpan,
} from "../format";
import { type Loaded, useLoad } from "../live";
import { sharesOut } from "../mechanism";
import { Link } from "../route";
import type { Market, Offer, Order, Page as ListPage, Trade } from "../types";
import { Badge, Card, Load, Notice, Page, Stat, Stats, Table, type Tone, focusCard } from "../ui";
import { useUser } from "../user";
import { CancelAll } from "./market/CancelAll";
import { Commitments } from "./market/Commitments";
import { LiveTrading } from "./market/Live";
import { MarketTabs } from "./market/MarketTabs";
import { PriceChart } from "./market/PriceChart";
import { SlotResult } from "./market/SlotResult";
import { Stopped } from "./market/Stopped";
import { TradeForm } from "./market/TradeForm";

/** Where nobody orders. */
function Shared() {
  return (
    <Card title="Your energy">
      <p>
        Your community shares out what it generates after each slot, so nobody places orders.{" "}
        <Link href="/market/rules">See or change your membership</Link>.
      </p>
    </Card>
  );
}

/** How a column of energies, prices or amounts is written. */
function energies(wh: number[]) {
  const write = column(wh.map(BigInt), ENERGY_SCALE, 2, ENERGY_SCALE);
  return (value: number) => write(BigInt(value));
}

function decimals(texts: string[], scale: number, max: number) {
  const write = column(texts.map((text) => readDecimal(text, scale)), scale, 2, max);
  return (text: string) => write(readDecimal(text, scale));
}

/** The most decimals of an amount in a table. */
const AMOUNT_DECIMALS = 4;
/** How many of one's own orders are shown before the others are asked for. */
const ORDERS_SHOWN = 10;

export function MarketPage() {
  const market = useLoad("market", api.market, ["block", "slot_cleared"]);
  const book = useLoad("book", api.book, ["block", "slot_cleared", "book_changed"]);
  const trader = !!useUser().account;
  const orders = useLoad(
    "orders",
    async () => (trader ? api.ownOrders() : { items: [] }),
    ["block", "slot_cleared", "book_changed"],
  );
  const trades = useLoad("trades", () => api.trades(1000), ["block", "slot_cleared"]);
  const [placed, setPlaced] = useState(0);
  const reload = () => {
    [market, book, orders].forEach((list) => list.reload());
    setPlaced((count) => count + 1);
  };
  return (
    <Page
      name="market"
      title="Market"
      lead="Electricity between neighbours, cleared slot by slot."
    >
      {trader && <MarketTabs at="trade" />}
      <Load of={market}>
        {(settings) => (
          <>
            <Stopped market={settings} />
            <Overview market={settings} trades={trades.data?.items ?? []} />
            <div className={trader ? "columns market-columns" : "stack"}>
              <div className="stack">
                {settings.mechanism.name === "continuous" && <LiveTrading market={settings} />}
                <Card title="Open offers" id="offers">
                  <Load of={book}>{(page) => <Offers offers={page.items} market={settings} />}</Load>
                </Card>
                <Card title="Cleared prices" id="prices">
                  <Load of={trades}>{(page) => <PriceChart trades={page.items} market={settings} />}</Load>
                </Card>
              </div>
              {trader && (sharesOut(settings) ? <Shared /> : <TradeForm market={settings} onPlaced={reload} />)}
            </div>
            {trader && <Commitments market={settings} placed={placed} />}
            {trades.data && <SlotResult trades={trades.data.items} market={settings} />}
            {trader && (
              <Card title="Your orders" id="orders">
                <Load of={orders}>
                  {(page) => <Orders orders={page.items} market={settings} onChange={reload} />}
                </Load>
              </Card>
            )}
            <RecentTrades trades={trades} market={settings} />
          </>
        )}
      </Load>
    </Page>
  );
}

function Overview({ market, trades }: { market: Market; trades: Trade[] }) {
  const last = trades[0];
  const dayOf = (at: string) => dateIn(at, market.timezone);
  const today = trades.filter((trade) => dayOf(trade.slot) === dayOf(market.now));
  const volume = today.reduce((sum, trade) => sum + BigInt(trade.quantity_wh), 0n);
  return (
    <Stats>
      <Stat
        label="Market time"
        value={clock(market.now, market.timezone)}
        note={`${day(market.now, market.timezone)}, ${market.timezone}`}
      />
      <Stat
        label="Last price"
        value={last ? price(last.price) : "–"}
        unit="$/kWh"
        note={last && moment(last.slot, market.timezone)}
      />
      <Stat label="Traded today" value={kwh(volume)} unit="kWh" note={`${count(today.length)} trades`} />
      {market.cash && (
        <Stat
          label="You can trade with"
          value={`$${money(market.cash.tradable, 2)}`}
          note={`$${money(market.cash.held, 2)} held by orders`}
        />
      )}
    </Stats>
  );
}

function Offers({ offers, market }: { offers: Offer[]; market: Market }) {
  // Offers of several slots share one table; the slot is named where it begins.
  const slots = [...new Set(offers.map((offer) => offer.slot))];
  const [wanted, setWanted] = useState("");
  const slot = slots.includes(wanted) ? wanted : "";
  const shown = slot ? offers.filter((offer) => offer.slot === slot) : offers;
  const amount = energies(shown.map((offer) => offer.quantity_wh));
  const perKwh = decimals(shown.map((offer) => offer.price), PRICE_SCALE, PRICE_SCALE);
  const total = decimals(shown.map((offer) => offer.total), MONEY_SCALE, AMOUNT_DECIMALS);
  return (
    <>
      {slots.length > 1 && (
        <Filter id="offers-slot" label="Slot" value={slot} onChange={setWanted}>
          <option value="">All slots</option>
          {slots.map((start) => (
            <option key={start} value={start}>
              {day(start, market.timezone)}, {slotSpan(start, market.slot_minutes, market.timezone)}
            </option>
          ))}
        </Filter>
      )}
      <Table
        caption="Open offers of electricity"
        rows={shown}
        rowKey={(offer) => offer.order_id}
        rowClass={(offer) => (offer.own ? "own" : undefined)}
        empty="Nobody offers electricity at the moment. Your offer can be the first."
        columns={[
          {
            head: "Seller",
            cell: (offer) => (
              <>
                {offer.seller} {offer.own && <Badge tone="info">You</Badge>}
              </>
            ),
          },
          { head: "Meter No", cell: (offer) => <code>{offer.meter || "–"}</code> },
          { head: "Amount (kWh)", numeric: true, cell: (offer) => amount(offer.quantity_wh) },
          { head: "Price ($/kWh)", numeric: true, cell: (offer) => perKwh(offer.price) },
          { head: "Total Price ($)", numeric: true, cell: (offer) => total(offer.total) },
        ]}
      />
      {shown.length > 0 && (
        <p className="hint">
          {count(shown.length)} offers for delivery{" "}
          {slots.length === 1 || slot
            ? `on ${moment(slot || slots[0]!, market.timezone)}`
            : `in ${count(slots.length)} slots`}
          . Prices are what the seller wants, before the network and platform fees.
        </p>
      )}
    </>
  );
}

/** An order got all, some or nothing; before the gate it may get more. */
function standing(order: Order): [Tone, string] {
  if (order.status === "open") return ["info", order.filled_wh ? "Partly filled, open" : "Open"];
  if (order.filled_wh === 0) return ["quiet", order.status === "cleared" ? "Not filled" : words(order.status)];
  return ["good", order.filled_wh < order.quantity_wh ? "Partly filled" : "Filled"];
}

export function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Orders(props: { orders: Order[]; market: Market; onChange: () => void }) {
  const { market } = props;
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const [all, setAll] = useState(false);
  const shown = all ? props.orders : props.orders.slice(0, ORDERS_SHOWN);
  const cancel = async (order: Order) => {
    setBusy(order.order_id);
    setError("");
    try {
      await api.cancelOrder(order.order_id);
      props.onChange();
      focusCard("orders");
    } catch (problem) {
      setError((problem as Error).message);
    } finally {
      setBusy("");
    }
  };
  const amount = energies(shown.flatMap((order) => [order.quantity_wh, order.filled_wh]));
  const limit = decimals(shown.map((order) => order.limit_price), PRICE_SCALE, PRICE_SCALE);
  const held = decimals(shown.map((order) => order.held), MONEY_SCALE, AMOUNT_DECIMALS);
  return (
    <>
      {error && <Notice tone="bad">{error}</Notice>}
      <CancelAll orders={props.orders} market={market} onChange={props.onChange} />
      <Table
        caption="Your orders, the newest slot first"
        rows={shown}
        rowKey={(order) => order.order_id}
        empty="You have placed no order yet. Create one under “New order”."
        columns={[
          { head: "Slot", cell: (order) => moment(order.slot, market.timezone) },
          {
            head: "Type",
            cell: (order) => (
              <Badge tone={order.side === "buy" ? "info" : "warn"}>{words(order.side)}</Badge>
            ),
          },
          { head: "Amount (kWh)", numeric: true, cell: (order) => amount(order.quantity_wh) },
          { head: "Limit ($/kWh)", numeric: true, cell: (order) => limit(order.limit_price) },
          { head: "Filled (kWh)", numeric: true, cell: (order) => amount(order.filled_wh) },
          { head: "Held ($)", numeric: true, cell: (order) => held(order.held) },
          {
            head: "Status",
            cell: (order) => (
              <>
                <Badge tone={standing(order)[0]}>{standing(order)[1]}</Badge>
                {order.delegate && <Badge>By a delegate</Badge>}
                {order.warnings.includes("NO_GAIN_BAND") && (
                  <Badge tone="warn">Outside the band</Badge>
                )}
              </>
            ),
          },
          {
            head: "Actions",
            hideHead: true,
            cell: (order) =>
              order.status === "open" && (
                <button
                  type="button"
                  className="quiet small"
                  disabled={busy === order.order_id}
                  onClick={() => cancel(order)}
                >
                  Cancel
                  <span className="sr-only">
                    {" "}
                    the order for {moment(order.slot, market.timezone)}
                  </span>
                </button>
              ),
          },
        ]}
      />
      {shown.length < props.orders.length && (
        <div className="pager">
          <button type="button" className="quiet" onClick={() => setAll(true)}>
            Show all {count(props.orders.length)}
          </button>
        </div>
      )}
    </>
  );
}

const TRADE_TONES: Record<string, Tone> = { settled: "good", skipped: "bad" };

function RecentTrades({ trades, market }: { trades: Loaded<ListPage<Trade>>; market: Market }) {
  return (
    <Card title="Recent trades" id="trades">
      <Load of={trades}>{(page) => <Trades trades={page.items.slice(0, 25)} market={market} />}</Load>
    </Card>
  );
}

function Trades({ trades, market }: { trades: Trade[]; market: Market }) {
  const amount = energies(trades.map((trade) => trade.quantity_wh));
  const perKwh = decimals(trades.map((trade) => trade.price), PRICE_SCALE, PRICE_SCALE);
  const total = decimals(trades.map((trade) => trade.total), MONEY_SCALE, AMOUNT_DECIMALS);
  return (
    <Table
      caption="Recent trades, the newest slot first"
      rows={trades}
      rowKey={(trade) => trade.trade}
      rowClass={(trade) => (trade.own ? "own" : undefined)}
      empty="No slot has traded yet. Trades come when the first slot is cleared."
      columns={[
        { head: "Slot", cell: (trade) => moment(trade.slot, market.timezone) },
        {
          head: "Seller",
          cell: (trade) => (
            <>
              {trade.seller} {trade.own === "sell" && <Badge tone="info">You</Badge>}
            </>
          ),
        },
        {
          head: "Buyer",
          cell: (trade) => (
            <>
              {trade.buyer} {trade.own === "buy" && <Badge tone="info">You</Badge>}
            </>
          ),
        },
        { head: "Amount (kWh)", numeric: true, cell: (trade) => amount(trade.quantity_wh) },
        { head: "Price ($/kWh)", numeric: true, cell: (trade) => perKwh(trade.price) },
        { head: "Total Price ($)", numeric: true, cell: (trade) => total(trade.total) },
        {
          head: "Status",
          cell: (trade) => (
            <>
              <Badge tone={TRADE_TONES[trade.status] ?? "quiet"}>{words(trade.status)}</Badge>{" "}
              {trade.own && trade.status === "settled" && <Link href={`/challenges/${trade.trade}`}>Check</Link>}
            </>
          ),
        },
      ]}
    />
  );
}
