import { useState } from "react";
import * as api from "../api";
import { Chart } from "../charts/Chart";
import { SelectField } from "../fields";
import { ENERGY_SCALE, addDays, clock, count, dateIn, dayStart, forPixels, kwh, slotSpan } from "../format";
import { useLoad } from "../live";
import type { ConnectionPoint, Interval } from "../types";
import { Badge, Card, Empty, Load, Page, Stat, Stats, type Tone } from "../ui";
import { useUser } from "../user";
import { Bills } from "./energy/Bills";
import { Contact } from "./energy/Contact";
import { Recipient } from "./energy/Recipient";

export function Energy() {
  const points = useLoad("points", api.connectionPoints);
  const account = useUser().account?.account;
  return (
    <Page name="energy" title="My energy" lead="What your meter signed, slot by slot, and what it cost.">
      <Load of={points}>
        {(all) => {
          const own = all.filter((point) => point.account === account);
          const shown = own.length ? own : all;
          return shown.length ? (
            <Readings points={shown} />
          ) : (
            <Card title="Readings">
              <Empty>You have no connection point yet. The operator adds it with your meter.</Empty>
            </Card>
          );
        }}
      </Load>
      {account && <Bills account={account} />}
      {account && <Recipient />}
      {account && <Contact />}
    </Page>
  );
}

/** The last moment of the last slot that a meter of this point has read. */
async function lastRead(point: ConnectionPoint): Promise<Date | null> {
  const meters = (await api.meters()).filter((one) => one.connection_point === point.connection_point);
  const statuses = await Promise.all(meters.map((one) => api.meterStatus(one.meter)));
  const ends = statuses.flatMap(({ last_reading }) => (last_reading ? [Date.parse(last_reading)] : []));
  return ends.length ? new Date(Math.max(...ends) - 1000) : null;
}

function Readings({ points }: { points: ConnectionPoint[] }) {
  const [wanted, setWanted] = useState(points[0]?.connection_point ?? "");
  const point = points.find((one) => one.connection_point === wanted) ?? points[0]!;
  const zone = point.timezone;
  const market = useLoad("market", api.market);
  const last = useLoad(`last ${point.connection_point}`, () => lastRead(point));
  const [chosen, setChosen] = useState("");
  const now = market.data?.now ?? (market.error ? new Date().toISOString() : undefined);
  // The newest day that has something to show; today where no meter has spoken.
  const newest = last.data ?? (last.data === null || last.error ? now : undefined);
  const date = chosen || (newest && dateIn(newest, zone));
  return (
    <Card
      title="Import and export"
      id="readings"
      aside={
        date && (
          <span className="day-picker">
            <button type="button" className="quiet small" aria-label="The day before" onClick={() => setChosen(addDays(date, -1))}>
              ‹
            </button>
            <input
              type="date"
              aria-label="Day"
              value={date}
              onChange={(event) => event.target.value && setChosen(event.target.value)}
            />
            <button type="button" className="quiet small" aria-label="The day after" onClick={() => setChosen(addDays(date, 1))}>
              ›
            </button>
          </span>
        )
      }
    >
      {points.length > 1 && (
        <SelectField label="Connection point" value={wanted} onChange={setWanted}>
          {points.map((one) => (
            <option key={one.connection_point}>{one.connection_point}</option>
          ))}
        </SelectField>
      )}
      {date && <Day point={point} date={date} />}
    </Card>
  );
}

const QUALITY: Record<string, [Tone, string]> = {
  measured: ["good", "Measured: between two signed readings"],
  substituted: ["warn", "Substituted: shared out of a longer span"],
  missing: ["bad", "Missing: no reading yet"],
};

function Day({ point, date }: { point: ConnectionPoint; date: string }) {
  const zone = point.timezone;
  const from = dayStart(date, zone).toISOString();
  const to = dayStart(addDays(date, 1), zone).toISOString();
  const id = point.connection_point;
  const intervals = useLoad(`intervals ${id} ${date}`, () => api.intervals(id, from, to), ["readings_stored"]);
  return (
    <Load of={intervals}>
      {(list) =>
        list.length ? (
          <DayChart list={list} date={date} from={from} to={to} zone={zone} />
        ) : (
          <Empty>Your meter has said nothing about this day yet. Choose another day, or look again later.</Empty>
        )
      }
    </Load>
  );
}

interface DayProps {
  list: Interval[];
  date: string;
  from: string;
  to: string;
  zone: string;
}

function DayChart({ list, date, from, to, zone }: DayProps) {
  const minutes = list[0]?.slot_minutes ?? 15;
  const begin = Date.parse(from);
  const length = Math.round((Date.parse(to) - begin) / (minutes * 60_000));
  const starts = Array.from({ length }, (_, i) => new Date(begin + i * minutes * 60_000));
  // Two meters at one connection point share its slots.
  const sums = new Map<number, { import: bigint; export: bigint; interval: Interval }>();
  for (const one of list) {
    const place = Math.round((Date.parse(one.slot) - begin) / (minutes * 60_000));
    const known = sums.get(place);
    sums.set(place, {
      import: (known?.import ?? 0n) + BigInt(one.import_wh),
      export: (known?.export ?? 0n) + BigInt(one.export_wh),
      interval: known && known.interval.quality !== "measured" ? known.interval : one,
    });
  }
  const total = (side: "import" | "export") => [...sums.values()].reduce((sum, one) => sum + one[side], 0n);
  const known = [...sums.values()].map((one) => one.interval);
  const counts = (quality: string) => known.filter((one) => one.quality === quality).length;
  const marks = [...sums].flatMap(([index, { interval }]) => {
    const notes = [
      interval.quality !== "measured" &&
        (QUALITY[interval.quality]?.[1] ?? interval.quality) + (interval.method ? ` (${interval.method})` : ""),
      interval.version > 1 && `corrected, version ${interval.version}`,
    ].filter(Boolean);
    return notes.length ? [{ index, text: notes.join("; ") }] : [];
  });
  const text = (side: "import" | "export") => (index: number) => {
    const value = sums.get(index)?.[side];
    return value === undefined ? "not known yet" : `${kwh(value)} kWh`;
  };
  const values = (side: "import" | "export", sign: 1 | -1) =>
    starts.map((_, index) => {
      const value = sums.get(index)?.[side];
      return value === undefined ? null : sign * forPixels(value, ENERGY_SCALE);
    });
  return (
    <>
      <Stats>
        <Stat label="Taken from the grid" value={kwh(total("import"))} unit="kWh" />
        <Stat label="Fed into the grid" value={kwh(total("export"))} unit="kWh" />
        <Stat label="Slots known" value={`${count(sums.size)} of ${count(length)}`} />
      </Stats>
      <Chart
        label={`Energy taken from and fed into the grid on ${date}, per slot`}
        placeHead="Slot"
        places={starts.map((start) => slotSpan(start.toISOString(), minutes, zone))}
        axis={starts.flatMap((start, index) => {
          const label = clock(start, zone);
          return /^(00|03|06|09|12|15|18|21):00$/.test(label) ? [{ index, text: label }] : [];
        })}
        marks={marks}
        panels={[
          {
            unit: "kWh per slot: taken up, fed in down",
            height: 220,
            zero: true,
            series: [
              { name: "Taken from the grid", shape: "area", color: "var(--chart-import)", values: values("import", 1), text: text("import") },
              { name: "Fed into the grid", shape: "area", color: "var(--chart-export)", values: values("export", -1), text: text("export") },
            ],
          },
        ]}
      />
      <ul className="flags" aria-label="Quality of the readings">
        {Object.entries(QUALITY).map(([quality, [tone, meaning]]) => (
          <li key={quality}>
            <Badge tone={counts(quality) ? tone : "quiet"}>{count(counts(quality))}</Badge> {meaning}
          </li>
        ))}
      </ul>
    </>
  );
}
