import { clock, count, dateIn, utc } from "../../../format";
import { type Column, Table } from "../../../ui";

/** The most rows that a page shows of a report. */
const ROWS_MAX = 200;

interface RowsProps<R> {
  caption: string;
  rows: R[];
  rowKey: (row: R) => string;
  empty: string;
  columns: Column<R>[];
}

/** The first rows of a report; the file has all of them. */
export function Rows<R>({ rows, ...rest }: RowsProps<R>) {
  return (
    <div className="rows">
      <Table {...rest} rows={rows.slice(0, ROWS_MAX)} />
      {rows.length > ROWS_MAX && (
        <p className="hint">
          These are the first {count(ROWS_MAX)} of {count(rows.length)} rows. The file has all of them.
        </p>
      )}
    </div>
  );
}

/** When a slot begins, with its local day; whoever points at it reads it in UTC. */
export function Moment({ at, zone }: { at: string; zone: string }) {
  return (
    <time dateTime={at} title={utc(at)}>
      {dateIn(at, zone)} {clock(at, zone)}
    </time>
  );
}
