import * as api from "../../../api";
import { count } from "../../../format";
import { useLoad } from "../../../live";
import { Badge, Hash, Load } from "../../../ui";
import { Moment, Rows } from "./Rows";

/** From this age on, in hours, a last reading is pointed out: every meter reports within a day. */
const OLD_HOURS = 24;

/** What of each connection point is not billed today. */
export function Unbilled({ zone }: { zone: string }) {
  const report = useLoad("unbilled", api.unbilledReport);
  const people = useLoad("people", api.parties);
  return (
    <Load of={report}>
      {(rows) => (
        <Rows
          caption="What of each connection point is not billed yet"
          rows={rows}
          rowKey={(row) => `${row.connection_point} ${row.meter}`}
          empty="There is no connection point yet."
          columns={[
            {
              head: "Whose",
              cell: (row) =>
                people.data?.find((party) => party.account?.account === row.account)?.name ?? <Hash value={row.account} />,
            },
            { head: "Connection point", cell: (row) => <Hash value={row.connection_point} /> },
            { head: "Meter", cell: (row) => <Hash value={row.meter} /> },
            { head: "Billed until", cell: (row) => row.billed_until ?? "Never" },
            { head: "Not billed from", cell: (row) => row.unbilled_from ?? "–" },
            { head: "Days", numeric: true, cell: (row) => count(row.unbilled_days) },
            { head: "Missing slots", numeric: true, cell: (row) => count(row.missing_slots) },
            { head: "Last reading", cell: (row) => (row.last_reading ? <Moment at={row.last_reading} zone={zone} /> : "Never") },
            {
              head: "Its age (h)",
              numeric: true,
              cell: ({ reading_age_hours: age }) =>
                age === undefined ? "–" : age >= OLD_HOURS ? <Badge tone="warn">{count(age)}</Badge> : count(age),
            },
          ]}
        />
      )}
    </Load>
  );
}
