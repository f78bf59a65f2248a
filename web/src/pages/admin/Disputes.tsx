import { type ReactNode, useEffect, useState } from "react";
import * as api from "../../api";
import { DISPUTE_STATES, aboutOf } from "../../dispute";
import { inCurrency } from "../../exchange";
import { Filter } from "../../fields";
import { money, utc } from "../../format";
import { useLoad } from "../../live";
import type { Dispute, DisputeState, DisputeSummary, InvoiceLine, IssuedInvoice, Party } from "../../types";
import { Badge, Card, Facts, Hash, Load, Notice, Pager, Standing, Table, focusCard } from "../../ui";
import { useUser } from "../../user";
import { AskCancellation, Cancellations } from "./Cancellations";
import { Conversation, type Ending, Reply } from "../disputes/Conversation";

/** What people say is wrong with their bills, and what staff answer. */
export function Disputes() {
  const [state, setState] = useState<DisputeState | "">("open");
  const [trail, setTrail] = useState<string[]>([]);
  const [chosen, setChosen] = useState<DisputeSummary>();
  const cursor = trail.at(-1);
  const query = { ...(state ? { state } : {}), ...(cursor ? { cursor } : {}) };
  const disputes = useLoad(`disputes ${state} ${cursor ?? ""}`, () => api.disputes(query));
  const people = useLoad("people", api.parties);
  const close = () => {
    setChosen(undefined);
    focusCard("disputes");
  };
  return (
    <>
      <Card title="Disputes" id="disputes">
        <Filter
          id="dispute-state"
          label="State"
          value={state}
          onChange={(wanted) => {
            setState(wanted as DisputeState | "");
            setTrail([]);
          }}
        >
          <option value="">All</option>
          {Object.entries(DISPUTE_STATES).map(([name, [text]]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </Filter>
        <Load of={disputes}>
          {(page) => (
            <>
              <Table
                caption="Disputes about bills, newest first"
                rows={page.items}
                rowKey={(one) => one.id}
                rowClass={(one) => (one.id === chosen?.id ? "own" : undefined)}
                empty={state ? "No dispute is in this state. Show all to see the others." : "Nobody has disputed a bill yet."}
                columns={[
                  { head: "Bill", cell: (one) => <b>{one.number}</b> },
                  { head: "Whose", cell: (one) => <Owner account={one.account} people={people.data} /> },
                  { head: "What is wrong", cell: (one) => <span className="wrap">{aboutOf(one)}</span> },
                  { head: "Opened", cell: (one) => utc(one.at) },
                  { head: "State", cell: (one) => <Standing of={DISPUTE_STATES[one.state]} /> },
                  { head: "Ended", cell: (one) => (one.ended ? utc(one.ended) : "–") },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (one) => (
                      <button type="button" className="small" onClick={() => setChosen(one)}>
                        Look at it<span className="sr-only">: the dispute of bill {one.number}</span>
                      </button>
                    ),
                  },
                ]}
              />
              <Pager trail={trail} next={page.next} onMove={setTrail} />
            </>
          )}
        </Load>
      </Card>
      {chosen && (
        <One key={chosen.id} summary={chosen} people={people.data} onChange={disputes.reload} onClose={close} />
      )}
      <Cancellations people={people.data} />
    </>
  );
}

function Owner({ account, people }: { account: string; people: Party[] | undefined }) {
  const name = people?.find((party) => party.account?.account === account)?.name;
  return <>{name ?? <Hash value={account} />}</>;
}

const ENDINGS: Ending[] = [
  { decision: "rejected", action: "Reject", question: "Reject the dispute? The bill stands, and the dispute has ended." },
  {
    decision: "upheld",
    action: "Uphold",
    question: "Uphold the dispute? The bill is rated again, and what differs by now is corrected.",
  },
];

interface OneProps {
  summary: DisputeSummary;
  people: Party[] | undefined;
  onChange: () => void;
  onClose: () => void;
}

/** One dispute, with the bill that it is about beside it. */
function One({ summary, people, onChange, onClose }: OneProps) {
  const { roles, account } = useUser();
  const [said, setSaid] = useState<Dispute>();
  const dispute = useLoad(`dispute ${summary.id}`, () => api.dispute(summary.id));
  const invoice = useLoad(`invoice ${summary.invoice}`, () => api.invoice(summary.invoice));
  // What was pressed is in the list above: a keyboard goes on here.
  useEffect(() => focusCard("dispute"), []);
  const maySettle = roles.includes("operator") || roles.includes("utility");
  const own = account?.account === summary.account;
  return (
    <div className="columns">
      <Card
        title={`Dispute of ${summary.number}`}
        id="dispute"
        aside={
          <button type="button" className="quiet small" onClick={onClose}>
            Close
          </button>
        }
      >
        <Load of={dispute}>
          {(loaded) => {
            const known = said ?? loaded;
            return (
              <div className="flow dispute-flow">
                <Facts
                  items={[
                    ["Whose", <Owner key="w" account={known.account} people={people} />],
                    ["What is wrong", aboutOf(known, invoice.data?.invoice.lines)],
                    ["Opened", utc(known.at)],
                    ["State", <Standing key="s" of={DISPUTE_STATES[known.state]} reason={known.ended && utc(known.ended)} />],
                    ...(known.correction ? [["Correction", <Corrected key="c" id={known.correction} />] satisfies Fact] : []),
                  ]}
                />
                <Conversation dispute={known} staff />
                {known.state === "upheld" && maySettle && <AskCancellation dispute={known} />}
                {known.state === "open" && own && (
                  <Notice tone="info">It is about a bill of your own: another member of staff answers it.</Notice>
                )}
                {known.state === "open" && maySettle && !own && (
                  <Reply
                    dispute={known}
                    endings={ENDINGS}
                    hint="Whose bill it is reads it. Who upholds or rejects it says why."
                    onSaid={(now) => {
                      setSaid(now);
                      onChange();
                      focusCard("dispute");
                    }}
                  />
                )}
              </div>
            );
          }}
        </Load>
      </Card>
      <Card title={`Bill ${summary.number}`} id="disputed-bill" className="amounts">
        <Load of={invoice}>{(known) => <Bill invoice={known} disputed={summary.line} />}</Load>
      </Card>
    </div>
  );
}

type Fact = [string, ReactNode];

/** The number of the correction that a dispute caused. */
function Corrected({ id }: { id: string }) {
  const correction = useLoad(`correction ${id}`, () => api.correction(id));
  return <>{correction.data?.number ?? <Hash value={id} />}</>;
}

function Bill({ invoice, disputed }: { invoice: IssuedInvoice; disputed: number | undefined }) {
  const { currency, from, to, total, due } = invoice;
  const lines = invoice.invoice.lines.map((line, index): [number, InvoiceLine] => [index + 1, line]);
  return (
    <>
      <Table
        caption={`Lines of the bill ${invoice.number}`}
        rows={lines}
        rowKey={([place]) => String(place)}
        rowClass={([place]) => (place === disputed ? "own" : undefined)}
        empty="The bill has no lines."
        columns={[
          { head: "No", cell: ([place]) => place },
          {
            head: "What for",
            cell: ([place, { label }]) => (
              <>
                {label} {place === disputed && <Badge tone="warn">Disputed</Badge>}
              </>
            ),
          },
          { head: `Amount (${currency})`, numeric: true, cell: ([, { amount }]) => money(amount, 2) },
        ]}
      />
      <Facts
        items={[
          ["Period", `${from} to ${to}`],
          ["Total", inCurrency(total, currency)],
          ["To be paid when issued", inCurrency(due, currency)],
          ["Hash on chain", <Hash key="h" value={invoice.hash} />],
        ]}
      />
    </>
  );
}
