import * as api from "../../../api";
import { Chart, type Series } from "../../../charts/Chart";
import { ENERGY_SCALE, clock, count, dateIn, dayShort, forPixels, kwh } from "../../../format";
import { useLoad } from "../../../live";
import { byDay } from "../../../report";
import type { ResidualRow } from "../../../types";
import { Load, Stat, Stats } from "../../../ui";
import type { Of } from "./Money";
import { Moment, Rows } from "./Rows";

/** The most slots that a chart has room for: a week of quarter hours. Of more it shows days. */
const SLOTS_MAX = 700;

type Energy = "import_wh" | "export_wh" | "traded_wh" | "residual_import_wh" | "residual_export_wh";

/** What meters took and fed in, and what of it the retailer is left with. */
export function ResidualLoad({ days: { from, to }, zone }: Of) {
  const report = useLoad(`residual ${from} ${to}`, () => api.periodReport<ResidualRow>("residual-load", from, to));
  return (
    <Load of={report}>
      {(rows) => {
        const sum = (name: Energy) => kwh(rows.reduce((total, row) => total + row[name], 0));
        return (
          <>
            {rows.length > 0 && (
              <>
                <Stats>
                  <Stat label="Metered import" value={sum("import_wh")} unit="kWh" />
                  <Stat label="Metered export" value={sum("export_wh")} unit="kWh" />
                  <Stat label="From neighbour to neighbour" value={sum("traded_wh")} unit="kWh" />
                  <Stat label="Residual import" value={sum("residual_import_wh")} unit="kWh" />
                  <Stat label="Residual export" value={sum("residual_export_wh")} unit="kWh" />
                </Stats>
                <Plot rows={rows} zone={zone} />
              </>
            )}
            <Rows
              caption={`Residual load, ${from} to ${to}`}
              rows={rows}
              rowKey={(row) => row.slot}
              empty="No meter has reported anything on these days. Choose others."
              columns={[
                { head: "Slot", cell: (row) => <Moment at={row.slot} zone={zone} /> },
                { head: "Points", numeric: true, cell: (row) => count(row.points) },
                { head: "Without a reading", numeric: true, cell: (row) => count(row.missing) },
                { head: "Import (kWh)", numeric: true, cell: (row) => kwh(row.import_wh, 3) },
                { head: "Export (kWh)", numeric: true, cell: (row) => kwh(row.export_wh, 3) },
                { head: "Neighbours (kWh)", numeric: true, cell: (row) => kwh(row.traded_wh, 3) },
                { head: "Residual import (kWh)", numeric: true, cell: (row) => kwh(row.residual_import_wh, 3) },
                { head: "Residual export (kWh)", numeric: true, cell: (row) => kwh(row.residual_export_wh, 3) },
              ]}
            />
          </>
        );
      }}
    </Load>
  );
}

function Plot({ rows, zone }: { rows: ResidualRow[]; zone: string }) {
  const daily = rows.length > SLOTS_MAX;
  const shown = daily ? byDay(rows, zone) : rows;
  const each = daily ? "day" : "slot";
  const energy = (name: Energy, called: string, shape: Series["shape"], color: string): Series => ({
    name: called,
    shape,
    color,
    values: shown.map((row) => forPixels(BigInt(row[name]), ENERGY_SCALE)),
    text: (index) => `${kwh(shown[index]?.[name] ?? 0)} kWh`,
  });
  const placeOf = (row: ResidualRow) => (daily ? row.slot : `${dateIn(row.slot, zone)} ${clock(row.slot, zone)}`);
  const axis = shown.flatMap((row, index) => {
    const begins = daily || clock(row.slot, zone) === "00:00";
    return begins || index === 0 ? [{ index, text: dayShort(row.slot, daily ? "UTC" : zone) }] : [];
  });
  return (
    <Chart
      label={`Metered import and export per ${each}, and what the retailer is left with`}
      placeHead={daily ? "Day" : "Slot"}
      places={shown.map(placeOf)}
      axis={axis}
      marks={shown.flatMap((row, index) =>
        row.missing ? [{ index, text: `Readings that are missing: ${count(row.missing)}` }] : [],
      )}
      panels={[
        {
          unit: `Import, kWh per ${each}`,
          height: 170,
          zero: true,
          series: [
            energy("import_wh", "Metered import", "area", "var(--chart-import)"),
            energy("residual_import_wh", "Residual import", "step", "var(--chart-price)"),
          ],
        },
        {
          unit: `Export, kWh per ${each}`,
          height: 170,
          zero: true,
          series: [
            energy("export_wh", "Metered export", "area", "var(--chart-export)"),
            energy("residual_export_wh", "Residual export", "step", "var(--chart-rest)"),
          ],
        },
      ]}
    />
  );
}
