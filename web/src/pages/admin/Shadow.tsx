import { useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import { Filter, Form, TextAreaField } from "../../fields";
import { MONEY_SCALE, count, money, readDecimal } from "../../format";
import type { ShadowBill, ShadowReport } from "../../types";
import { Badge, Card, Field, Notice, Stat, Stats, Table } from "../../ui";
import { Outcome, useWork } from "../../work";

const MAPPING = `{
  "delimiter": ",", "decimal": ".", "days": "ymd",
  "account": "account", "from": "from", "to": "to",
  "line": "line", "amount": "amount",
  "lines": { "Energy": "retail", "Standing charge": "fixed", "VAT": "vat" },
  "accounts": {}
}`;

const PROBLEMS: Record<string, string> = {
  NO_ACCOUNT: "No such account here",
  NO_INVOICE: "No bill of ours for these days",
};

/** A utility's own bills beside ours, before we bill alone. */
export function Shadow() {
  const [mapping, setMapping] = useState(MAPPING);
  const [file, setFile] = useState<File>();
  const [report, setReport] = useState<ShadowReport>();
  const { busy, outcome, run } = useWork();
  const sent = async () => ({ mapping: JSON.parse(mapping) as object, file: (await file?.text()) ?? "" });
  const compare = () => void run(async () => setReport(await api.compareBills(await sent())));
  const csv = () => void run(async () => save(await api.differences(await sent()), "differences.csv"));
  return (
    <>
      <Card title="Your bills beside ours" id="shadow">
        <p className="hint">
          Bring the bills that your own system has made as CSV, at most 1 MB at a time. Each is held against our bill of
          the same account and days, line by line, to the cent. Nothing of it is kept.
        </p>
        <Form wide onSubmit={compare}>
          <Field label="The file" hint="CSV with a heading.">
            {(attributes) => (
              <input
                {...attributes}
                type="file"
                accept=".csv,text/csv"
                onChange={(event) => setFile(event.target.files?.[0])}
              />
            )}
          </Field>
          <TextAreaField
            label="What its columns are"
            hint="JSON: the columns' names, which lines of yours are which of ours, and which accounts are called otherwise."
            maxLength={50_000}
            value={mapping}
            onChange={setMapping}
          />
          <div className="row-actions">
            <button type="submit" disabled={busy || !file}>
              Compare
            </button>
            <button type="button" className="quiet" disabled={busy || !file} onClick={csv}>
              Differences as CSV
            </button>
          </div>
        </Form>
        <Outcome of={outcome} />
      </Card>
      {report && <Report report={report} />}
    </>
  );
}

const differs = (bill: ShadowBill) => bill.problem !== undefined || bill.lines.some((line) => !isZero(line.difference));
const isZero = (amount: string) => readDecimal(amount, MONEY_SCALE) === 0n;

function Report({ report }: { report: ShadowReport }) {
  const [shown, setShown] = useState("different");
  const bills = report.bills.filter((bill) => shown === "all" || differs(bill));
  const rows = bills.flatMap((bill) => bill.lines.map((line) => ({ bill, line })));
  return (
    <Card title="Differences" id="differences">
      <Stats>
        <Stat label="Bills" value={count(report.compared)} note={`${count(report.equal)} are the same`} />
        <Stat label="None of ours" value={count(report.missing)} />
        <Stat label="Yours" value={money(report.theirs, 2)} />
        <Stat label="Ours" value={money(report.ours, 2)} />
        <Stat label="Difference" value={money(report.difference, 2)} />
      </Stats>
      {report.left_out.length > 0 && (
        <Notice tone="warn">
          {count(report.left_out.length)} rows are left out; the first is row {report.left_out[0]?.row}:{" "}
          {report.left_out[0]?.reason}.
        </Notice>
      )}
      <Filter id="shadow-shown" label="Show" value={shown} onChange={setShown}>
        <option value="different">What differs</option>
        <option value="all">All</option>
      </Filter>
      <Table
        caption="Lines of the bills, yours and ours"
        rows={rows}
        rowKey={({ bill, line }) => `${bill.account} ${bill.from} ${bill.to} ${line.line}`}
        rowClass={({ line }) => (isZero(line.difference) ? undefined : "own")}
        empty="Nothing differs."
        columns={[
          { head: "Account", cell: ({ bill }) => bill.account },
          { head: "Days", cell: ({ bill }) => `${bill.from} to ${bill.to}` },
          {
            head: "Our bill",
            cell: ({ bill }) =>
              bill.problem ? <Badge tone="warn">{PROBLEMS[bill.problem] ?? bill.problem}</Badge> : bill.number,
          },
          { head: "Line", cell: ({ line }) => line.line },
          { head: "Yours", numeric: true, cell: ({ line }) => money(line.theirs, 2) },
          { head: "Ours", numeric: true, cell: ({ line }) => money(line.ours, 2) },
          { head: "Difference", numeric: true, cell: ({ line }) => money(line.difference, 2) },
        ]}
      />
    </Card>
  );
}
