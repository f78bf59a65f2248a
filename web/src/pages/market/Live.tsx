import { useState } from "react";
import * as api from "../../api";
import { Chart } from "../../charts/Chart";
import { clock, day, kwh, price, slotSpan } from "../../format";
import { useLoad } from "../../live";
import { openSlots } from "../../slots";
import type { Depth, Level, Market, StruckTrade } from "../../types";
import { Card, Empty, Load, Table } from "../../ui";
import { pixels, said, spread, steps } from "./depth";

/** How many of the last trades are shown. */
const TRADES_SHOWN = 10;

/** What the server has of a slot; null where the slot does not trade before its gate. */
async function known<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch((problem: unknown) => {
    if (problem instanceof api.Problem && problem.body.status === 404) return null;
    throw problem;
  });
}

/** Trading before the gate: what waits in the book of a slot, and what was traded last. */
export function LiveTrading({ market }: { market: Market }) {
  const slots = openSlots(market);
  const [wanted, setWanted] = useState("");
  const slot = slots.includes(wanted) ? wanted : (slots[0] ?? "");
  const load = useLoad(
    `trading ${slot}`,
    async () => {
      if (!slot) return null;
      const [depth, trades] = await Promise.all([
        known(api.depth(slot)),
        known(api.struckTrades(slot, TRADES_SHOWN)),
      ]);
      return depth && trades && { depth, trades: trades.items };
    },
    ["book_changed", "slot_cleared"],
  );
  if (!slot) return null;
  return (
    <Card title="Trading now" id="live">
      <div className="toolbar">
        <label htmlFor="live-slot">Slot</label>
        <select id="live-slot" value={slot} onChange={(event) => setWanted(event.target.value)}>
          {slots.map((start) => (
            <option key={start} value={start}>
              {day(start, market.timezone)}, {slotSpan(start, market.slot_minutes, market.timezone)}
            </option>
          ))}
        </select>
      </div>
      <Load of={load}>
        {(trading) =>
          trading ? (
            <>
              <Book depth={trading.depth} />
              <LastTrades trades={trading.trades} market={market} />
            </>
          ) : (
            <Empty>The orders of this slot meet when its book closes.</Empty>
          )
        }
      </Load>
    </Card>
  );
}

function Book({ depth }: { depth: Depth }) {
  const places = steps(depth);
  return (
    <>
      <p>{spread(depth)}</p>
      {places.length > 0 && (
        <Chart
          label="What is wanted and offered in this slot, by the price of the energy"
          placeHead="Price ($/kWh)"
          places={places.map((step) => `$${price(step.price)}`)}
          axis={places.map((step, index) => ({ index, text: price(step.price) }))}
          panels={[
            {
              unit: "kWh",
              height: 150,
              zero: true,
              series: [
                {
                  name: "Wanted at this price",
                  shape: "area",
                  color: "var(--chart-import)",
                  values: places.map((step) => pixels(step.wanted)),
                  text: (index) => said(places[index]!.wanted),
                },
                {
                  name: "Offered at this price",
                  shape: "area",
                  color: "var(--chart-export)",
                  values: places.map((step) => pixels(step.offered)),
                  text: (index) => said(places[index]!.offered),
                },
              ],
            },
          ]}
        />
      )}
      <div className="columns">
        <Side levels={depth.bids} caption="Bids of this slot, the best first" empty="Nobody bids." />
        <Side levels={depth.asks} caption="Offers of this slot, the best first" empty="Nobody offers." />
      </div>
      <p className="hint">Prices are of the energy alone: a buyer's limit less the fees, a seller's with the platform fee.</p>
    </>
  );
}

function Side({ levels, caption, empty }: { levels: Level[]; caption: string; empty: string }) {
  return (
    <Table
      caption={caption}
      showCaption
      rows={levels}
      rowKey={(level) => level.price}
      empty={empty}
      columns={[
        { head: "Price ($/kWh)", numeric: true, cell: (level) => price(level.price) },
        { head: "Amount (kWh)", numeric: true, cell: (level) => kwh(level.quantity_wh) },
        { head: "Orders", numeric: true, cell: (level) => level.orders },
      ]}
    />
  );
}

function LastTrades({ trades, market }: { trades: StruckTrade[]; market: Market }) {
  const last = trades[0];
  return (
    <>
      <p className="sr-only" role="status">
        {last && `Last trade: ${kwh(last.quantity_wh)} kWh at $${price(last.price)} per kWh`}
      </p>
      <Table
        caption="Last trades of this slot, the newest first"
        showCaption
        rows={trades.map((trade, place) => ({ ...trade, place }))}
        rowKey={(trade) => String(trade.place)}
        empty="Nothing was traded in this slot yet."
        columns={[
          { head: "Time", cell: (trade) => <time dateTime={trade.at}>{clock(trade.at, market.timezone)}</time> },
          { head: "Price ($/kWh)", numeric: true, cell: (trade) => price(trade.price) },
          { head: "Amount (kWh)", numeric: true, cell: (trade) => kwh(trade.quantity_wh) },
        ]}
      />
    </>
  );
}
