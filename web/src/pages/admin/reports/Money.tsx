import * as api from "../../../api";
import { MONEY_SCALE, column, count, kwh, money, readDecimal } from "../../../format";
import { useLoad } from "../../../live";
import { CLASSES } from "../../../report";
import type { ChargeRow, SettlementRow } from "../../../types";
import { Badge, Hash, Load, Stat, Stats } from "../../../ui";
import { Moment, Rows } from "./Rows";

/** Of which local days a report is, and in which currency. */
export interface Of {
  days: { from: string; to: string };
  zone: string;
  currency: string;
}

const value = (amount: string) => readDecimal(amount, MONEY_SCALE);

type Amount = "sellers" | "network" | "platform" | "difference" | "imbalance" | "compensation" | "make_whole";

const AMOUNTS: [Amount, string][] = [
  ["sellers", "To sellers"],
  ["network", "Network"],
  ["platform", "Platform"],
  ["difference", "Pot"],
  ["imbalance", "Balancing"],
  ["compensation", "For what was not taken"],
  ["make_whole", "For what was not delivered"],
];

/** Trades by slot and zone. */
export function Settlement({ days: { from, to }, zone, currency }: Of) {
  const report = useLoad(`settlement ${from} ${to}`, () => api.periodReport<SettlementRow>("settlement", from, to));
  return (
    <Load of={report}>
      {(rows) => {
        const sum = (name: "trades" | "agreed_wh" | "delivered_wh") => rows.reduce((total, row) => total + row[name], 0);
        const sellers = rows.reduce((total, row) => total + value(row.sellers), 0n);
        return (
          <>
            {rows.length > 0 && (
              <Stats>
                <Stat label="Trades" value={count(sum("trades"))} />
                <Stat label="Agreed" value={kwh(sum("agreed_wh"))} unit="kWh" />
                <Stat label="Delivered" value={kwh(sum("delivered_wh"))} unit="kWh" />
                <Stat label="To sellers" value={money(sellers, 2)} unit={currency} />
              </Stats>
            )}
            <Rows
              caption={`Trades by slot and zone, ${from} to ${to}`}
              rows={rows}
              rowKey={(row) => `${row.slot} ${row.zone} ${row.grid_operator}`}
              empty="Nothing was traded on these days. Choose others."
              columns={[
                { head: "Slot", cell: (row) => <Moment at={row.slot} zone={zone} /> },
                { head: "Zone", cell: (row) => <Hash value={row.zone} /> },
                { head: "Grid operator", cell: (row) => <Hash value={row.grid_operator} /> },
                {
                  head: "Trades",
                  numeric: true,
                  cell: (row) => (
                    <>
                      {row.open > 0 && <Badge tone="warn">{count(row.open)} open</Badge>} {count(row.trades)}
                    </>
                  ),
                },
                { head: "Agreed (kWh)", numeric: true, cell: (row) => kwh(row.agreed_wh, 3) },
                { head: "Delivered (kWh)", numeric: true, cell: (row) => kwh(row.delivered_wh, 3) },
                ...AMOUNTS.map(([name, head]) => {
                  const write = column(rows.map((row) => value(row[name])), MONEY_SCALE, 2, 6);
                  return {
                    head: `${head} (${currency})`,
                    numeric: true,
                    cell: (row: SettlementRow) => write(value(row[name])),
                  };
                }),
              ]}
            />
          </>
        );
      }}
    </Load>
  );
}

/** What bills charged, by class of line. */
export function Charges({ days: { from, to } }: Of) {
  const report = useLoad(`charges ${from} ${to}`, () => api.periodReport<ChargeRow>("charges", from, to));
  return (
    <Load of={report}>
      {(rows) => {
        const exact = column(rows.map((row) => value(row.exact)), MONEY_SCALE, 2, MONEY_SCALE);
        return (
          <Rows
            caption={`What bills charged by class of line, ${from} to ${to}`}
            rows={rows}
            rowKey={(row) => `${row.currency} ${row.class}`}
            empty="No bill ends on these days. Choose others: bills end with their month."
            columns={[
              { head: "What for", cell: (row) => CLASSES[row.class] ?? row.class },
              { head: "Moved", cell: (row) => (row.on_chain ? "On chain" : "By the bill") },
              { head: "Lines", numeric: true, cell: (row) => count(row.lines) },
              { head: "Exact", numeric: true, cell: (row) => `${exact(value(row.exact))} ${row.currency}` },
              { head: "On bills", numeric: true, cell: (row) => `${money(row.amount, 2)} ${row.currency}` },
              { head: "By corrections", numeric: true, cell: (row) => `${money(row.corrected, 2)} ${row.currency}` },
            ]}
          />
        );
      }}
    </Load>
  );
}
