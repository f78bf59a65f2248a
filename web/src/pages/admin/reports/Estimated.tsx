import * as api from "../../../api";
import { count, kwh } from "../../../format";
import { useLoad } from "../../../live";
import type { EstimatedRow } from "../../../types";
import { Hash, Load } from "../../../ui";
import type { Of } from "./Money";
import { Moment, Rows } from "./Rows";

/** Slots whose energy was estimated, by connection point. */
export function Estimated({ days: { from, to }, zone }: Of) {
  const report = useLoad(`estimated ${from} ${to}`, () => api.periodReport<EstimatedRow>("estimated", from, to));
  const people = useLoad("people", api.parties);
  return (
    <Load of={report}>
      {(rows) => (
        <Rows
          caption={`Estimated energy, ${from} to ${to}`}
          rows={rows}
          rowKey={(row) => `${row.connection_point} ${row.from}`}
          empty="All energy of these days was measured, or none is known yet."
          columns={[
            {
              head: "Whose",
              cell: (row) =>
                people.data?.find((party) => party.account?.account === row.account)?.name ?? <Hash value={row.account} />,
            },
            { head: "Connection point", cell: (row) => <Hash value={row.connection_point} /> },
            { head: "From", cell: (row) => <Moment at={row.from} zone={zone} /> },
            { head: "Until", cell: (row) => <Moment at={row.until} zone={zone} /> },
            { head: "Slots", numeric: true, cell: (row) => count(row.slots) },
            { head: "Taken (kWh)", numeric: true, cell: (row) => kwh(row.import_wh, 3) },
            { head: "Fed in (kWh)", numeric: true, cell: (row) => kwh(row.export_wh, 3) },
          ]}
        />
      )}
    </Load>
  );
}
