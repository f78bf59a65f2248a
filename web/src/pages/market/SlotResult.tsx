import { useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import { addDays, count, dateIn, kwh, moment, price, slotSpan } from "../../format";
import { useLoad } from "../../live";
import { aboutOf, titleOf } from "../../mechanism";
import { lastClosed, slotsOf } from "../../slots";
import type { Market, Slot, SlotStatus, Trade, ZonePrices } from "../../types";
import { Badge, Card, Facts, Hash, Load, Table, type Tone } from "../../ui";
import { Outcome, useWork } from "../../work";

const STATUSES: Record<SlotStatus, [Tone, string]> = {
  future: ["quiet", "Book not open yet"],
  open: ["info", "Book open"],
  closed: ["quiet", "Book closed"],
  cleared: ["good", "Cleared"],
};

/** How one slot was cleared, or will be; the last one that traded until another is chosen. */
export function SlotResult({ trades, market }: { trades: Trade[]; market: Market }) {
  const [wanted, setWanted] = useState("");
  const start = wanted || (trades[0]?.slot ?? lastClosed(market));
  const slot = useLoad(`slot ${start}`, () => api.slot(start), ["block", "slot_cleared"]);
  return (
    <Card title="Slot" id="slot" aside={<SlotPicker start={start} market={market} onChange={setWanted} />}>
      <Load of={slot}>{(data) => <Result slot={data} market={market} />}</Load>
    </Card>
  );
}

/** A day, then one of its slots. */
function SlotPicker(props: { start: string; market: Market; onChange: (start: string) => void }) {
  const { start, market, onChange } = props;
  const date = dateIn(start, market.timezone);
  const slots = slotsOf(date, market);
  const place = slots.indexOf(start);
  const before = slots[place - 1] ?? slotsOf(addDays(date, -1), market).at(-1);
  const after = slots[place + 1] ?? slotsOf(addDays(date, 1), market)[0];
  // The same place of another day, or its last slot where that day is shorter.
  const moveTo = (other: string) => {
    const there = slotsOf(other, market);
    const same = there[place] ?? there.at(-1);
    if (same) onChange(same);
  };
  return (
    <span className="day-picker">
      <button type="button" className="quiet small" aria-label="The slot before" onClick={() => before && onChange(before)}>
        ‹
      </button>
      <input
        type="date"
        aria-label="Day of the slot"
        value={date}
        onChange={(event) => event.target.value && moveTo(event.target.value)}
      />
      <select aria-label="Time of the slot" value={start} onChange={(event) => onChange(event.target.value)}>
        {slots.map((one) => (
          <option key={one} value={one}>
            {slotSpan(one, market.slot_minutes, market.timezone)}
          </option>
        ))}
      </select>
      <button type="button" className="quiet small" aria-label="The slot after" onClick={() => after && onChange(after)}>
        ›
      </button>
    </span>
  );
}

function Result({ slot, market }: { slot: Slot; market: Market }) {
  const { mechanism } = slot;
  const about = aboutOf(mechanism.name);
  const [tone, text] = STATUSES[slot.status];
  const cleared = slot.status === "cleared";
  return (
    <>
      <Facts
        items={[
          [
            "State",
            <>
              <Badge tone={tone}>{text}</Badge> {slot.curtailed && (
                <Badge tone="warn">
                  {slot.trades ? "Curtailed: nobody owes for what is missing" : "Curtailed: nothing trades"}
                </Badge>
              )}
            </>,
          ],
          [
            "Mechanism",
            <>
              {titleOf(mechanism)}
              {about && <p className="hint">{about.does}</p>}
            </>,
          ],
          ["Orders", ordersOf(slot)],
          ...(cleared
            ? outcomeOf(slot, about?.onePrice ?? true)
            : [["Orders are final", moment(slot.gate, market.timezone)] satisfies Item]),
        ]}
      />
      {slot.zones?.length ? <Zones zones={slot.zones} rent={slot.rent} /> : null}
      {cleared && <Journal key={slot.slot} start={slot.slot} market={market} />}
    </>
  );
}

/** What energy cost and brought in each zone; a full link keeps their prices apart. */
function Zones({ zones, rent }: { zones: ZonePrices[]; rent: string | undefined }) {
  return (
    <>
      <Table
        caption="Prices by zone"
        rows={zones}
        rowKey={({ zone }) => zone}
        empty="Nothing was traded."
        columns={[
          { head: "Zone", cell: ({ zone }) => <Hash value={zone} /> },
          { head: "Buyers pay", numeric: true, cell: ({ buyer }) => `$${price(buyer)}/kWh` },
          { head: "Sellers get", numeric: true, cell: ({ seller }) => `$${price(seller)}/kWh` },
          { head: "Bought (kWh)", numeric: true, cell: ({ bought_wh }) => kwh(bought_wh) },
          { head: "Sold (kWh)", numeric: true, cell: ({ sold_wh }) => kwh(sold_wh) },
        ]}
      />
      {rent !== undefined && Number(rent) > 0 && (
        <p className="hint">Links between zones were full: what they earned, {rent}, goes to the grid’s account.</p>
      )}
    </>
  );
}

type Item = Parameters<typeof Facts>[0]["items"][number];

function ordersOf({ status, orders, wanted_wh, offered_wh }: Slot): string {
  if (status === "cleared") return count(orders);
  return `${count(orders)}: ${kwh(wanted_wh)} kWh wanted, ${kwh(offered_wh)} kWh offered`;
}

function outcomeOf({ price: perKwh, volume_wh, trades, clearing }: Slot, onePrice: boolean): Item[] {
  return [
    [onePrice ? "Price" : "Price paid on average", perKwh === undefined ? "–" : `$${price(perKwh)}/kWh`],
    ["Traded", trades ? `${kwh(volume_wh)} kWh in ${count(trades)} ${trades === 1 ? "trade" : "trades"}` : "Nothing"],
    ["Clearing", clearing ? <Hash value={clearing} /> : "–"],
  ];
}

function Journal({ start, market }: { start: string; market: Market }) {
  const { busy, outcome, run } = useWork();
  const download = () =>
    run(async () => {
      save(await api.slotJournal(start), `slot-${start}.json`);
    });
  return (
    <div className="verify">
      <h3>Check it yourself</h3>
      <p>
        The journal has all orders of the slot as they were signed. Anyone can compute this clearing anew with{" "}
        <code>wattex recompute FILE --rpc {location.origin}/rpc</code>, or against any other node.
      </p>
      <button type="button" className="small" onClick={download} disabled={busy}>
        Journal<span className="sr-only"> of the slot {moment(start, market.timezone)}, as a file</span>
      </button>
      <Outcome of={outcome} />
    </div>
  );
}
