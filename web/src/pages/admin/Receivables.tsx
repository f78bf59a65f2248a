import { useState } from "react";
import * as api from "../../api";
import { Chart } from "../../charts/Chart";
import { actionText, ageText, days, readSteps, stepsText, typedSteps } from "../../dues";
import { inCurrency } from "../../exchange";
import { AmountField, Form, TextField } from "../../fields";
import { MONEY_SCALE, count, forPixels, money, parseDecimal, readDecimal, utc } from "../../format";
import { useLoad } from "../../live";
import type { AgeClass, Ladder, Receivable } from "../../types";
import { Address, Badge, Card, Facts, Hash, Load, Pager, Table } from "../../ui";
import { useUnits } from "../../units";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { openInvoice } from "../energy/files";
import { PrepaidAccounts } from "./Prepaid";

/** What bills leave to be paid: how old it is, who owes it, and when they are reminded. */
export function Receivables() {
  const units = useUnits();
  return (
    <Load of={units}>
      {([unit]) =>
        unit && (
          <>
            <Ages currency={unit.code} />
            <List currency={unit.code} />
            <Reminders currency={unit.code} />
            <PrepaidAccounts currency={unit.code} />
          </>
        )
      }
    </Load>
  );
}

function Ages({ currency }: { currency: string }) {
  const ages = useLoad("ages", api.receivableAges, ["block", "invoice_issued"]);
  const left = ({ left: amount }: AgeClass) => readDecimal(amount, MONEY_SCALE);
  return (
    <Card title="How old it is" id="ages">
      <Load of={ages}>
        {(classes) => {
          const sum = classes.reduce((total, one) => total + left(one), 0n);
          const invoices = classes.reduce((total, one) => total + one.invoices, 0);
          return (
            <>
              {sum > 0n && (
                <div className="narrow">
                  <Chart
                    label="What is not paid, by how long it is overdue"
                    placeHead="Overdue"
                    places={classes.map(ageText)}
                    axis={classes.map((one, index) => ({ index, text: ageText(one) }))}
                    centred
                    ownTable
                    panels={[
                      {
                        unit: `Left to pay (${currency})`,
                        height: 180,
                        zero: true,
                        series: [
                          {
                            name: "Left to pay",
                            shape: "bar",
                            color: "var(--chart-volume)",
                            values: classes.map((one) => forPixels(left(one), MONEY_SCALE)),
                            text: (index) => inCurrency(classes[index]?.left ?? "0", currency),
                          },
                        ],
                      },
                    ]}
                  />
                </div>
              )}
              <Table
                caption="What is not paid, by how long it is overdue"
                rows={[...classes, null]}
                rowKey={(one) => (one ? String(one.from_days) : "sum")}
                rowClass={(one) => (one ? undefined : "sum")}
                empty={null}
                columns={[
                  { head: "Overdue", cell: (one) => (one ? ageText(one) : "Sum") },
                  { head: "Bills", numeric: true, cell: (one) => count(one ? one.invoices : invoices) },
                  {
                    head: `Left to pay (${currency})`,
                    numeric: true,
                    cell: (one) => money(one ? one.left : sum, 2),
                  },
                ]}
              />
            </>
          );
        }}
      </Load>
    </Card>
  );
}

function List({ currency }: { currency: string }) {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const receivables = useLoad(`receivables ${cursor ?? ""}`, () => api.receivables(cursor), ["block", "invoice_issued"]);
  const people = useLoad("people", api.parties);
  const { outcome, run } = useWork();
  return (
    <Card title="Bills that are not paid" id="receivables">
      <Outcome of={outcome} />
      <Load of={receivables}>
        {(page) => (
          <>
            <Table<Receivable>
              caption="Bills that are not paid, the longest due first"
              rows={page.items}
              rowKey={(one) => one.invoice}
              empty="Every bill is paid. What a bill leaves to be paid is listed here until a bank statement brings it."
              columns={[
                { head: "Number", cell: (one) => <b>{one.number}</b> },
                {
                  head: "Whose",
                  cell: (one) => {
                    const owner = people.data?.find((party) => party.account?.account === one.account);
                    if (!owner?.account) return <Hash value={one.account} />;
                    return (
                      <>
                        {owner.name}
                        <span className="stat-note">
                          <Address value={owner.account.address} />
                        </span>
                      </>
                    );
                  },
                },
                { head: "To be paid by", cell: (one) => one.due_on },
                {
                  head: "State",
                  cell: (one) => (
                    <>
                      {one.days_overdue > 0 ? (
                        <Badge tone="bad">Overdue by {days(one.days_overdue)}</Badge>
                      ) : (
                        <Badge tone="info">In time</Badge>
                      )}
                      {one.disputed && <Badge tone="warn">Disputed</Badge>}
                    </>
                  ),
                },
                { head: "Step", cell: (one) => (one.action ? `${count(one.step)}: ${actionText(one.action)}` : "–") },
                { head: `Bill (${currency})`, numeric: true, cell: (one) => money(one.due, 2) },
                { head: `Left (${currency})`, numeric: true, cell: (one) => money(one.left, 2) },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (one) => (
                    <button type="button" className="small" onClick={() => void run(() => openInvoice(one.invoice))}>
                      Open<span className="sr-only"> bill {one.number}</span>
                    </button>
                  ),
                },
              ]}
            />
            <Pager trail={trail} next={page.next} onMove={setTrail} order="oldest" />
          </>
        )}
      </Load>
    </Card>
  );
}

function Reminders({ currency }: { currency: string }) {
  const { roles } = useUser();
  const maySet = roles.includes("operator") || roles.includes("utility");
  const ladders = useLoad("ladders", api.ladders);
  const people = useLoad("people", api.parties);
  const nameOf = (id: string) => people.data?.find((party) => party.party === id)?.name ?? <Hash value={id} />;
  return (
    <Card title="What follows where a bill is not paid" id="ladder">
      <p className="hint">
        So many days after the last one in time, one step after the other. Nobody's supply is cut off by any of them.
        Days on which the bill is disputed do not count.
      </p>
      <Load of={ladders}>
        {(all) => {
          const [now, ...before] = all;
          if (!now) return null;
          return (
            <>
              <Facts
                items={[
                  ["Steps", stepsText(now.steps)],
                  ["Amount", readDecimal(now.least, MONEY_SCALE) > 0n ? `From ${inCurrency(now.least, currency)} on` : "Any"],
                  ["Said by", now.set_by ? nameOf(now.set_by) : "Nobody: it is so until somebody says otherwise"],
                  ...(now.at ? [["Since", utc(now.at)] as [string, string]] : []),
                ]}
              />
              {maySet && <SetLadder now={now} currency={currency} onSet={ladders.reload} />}
              {before.length > 0 && (
                <>
                  <h3 className="section">What was said before</h3>
                  <Table
                    caption="Ladders of before, newest first"
                    rows={before}
                    rowKey={(one) => one.at ?? ""}
                    empty={null}
                    columns={[
                      { head: "Since", cell: (one) => (one.at ? utc(one.at) : "–") },
                      { head: "By", cell: (one) => (one.set_by ? nameOf(one.set_by) : "–") },
                      { head: "Steps", cell: (one) => stepsText(one.steps) },
                      { head: `From (${currency})`, numeric: true, cell: (one) => money(one.least, 2) },
                    ]}
                  />
                </>
              )}
            </>
          );
        }}
      </Load>
    </Card>
  );
}

function SetLadder({ now, currency, onSet }: { now: Ladder; currency: string; onSet: () => void }) {
  const [steps, setSteps] = useState(typedSteps(now.steps));
  const [least, setLeast] = useState(now.least);
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const read = readSteps(steps);
  const amount = parseDecimal(least || "0", MONEY_SCALE);
  const leastError = amount === null || amount < 0n ? "Enter an amount such as 5.00." : undefined;
  const submit = () => {
    setTried(true);
    if (typeof read === "string" || leastError) return;
    if (!confirm(`${stepsText(read)}? It is so from the next step on.`)) return;
    void run(async () => {
      await api.setLadder({ steps: read, least: least.trim().replace(",", ".") || "0" });
      onSet();
      return "It is in force.";
    });
  };
  return (
    <>
      <Form wide onSubmit={submit}>
        <TextField
          label="Days after the last one in time, and what follows"
          hint="remind, fee and an amount, suspend (no buying from neighbours), hand over; at most eight. Without any nothing follows."
          error={tried && typeof read === "string" ? read : undefined}
          autoComplete="off"
          value={steps}
          onChange={setSteps}
        />
        <AmountField
          label={`Least amount (${currency})`}
          hint="Who owes less is not reminded."
          error={tried ? leastError : undefined}
          value={least}
          onChange={setLeast}
        />
        <button type="submit" disabled={busy}>
          Change
        </button>
      </Form>
      <Outcome of={outcome} />
    </>
  );
}
