import { useState } from "react";
import * as api from "../../api";
import { causeOf, kindOf } from "../../correction";
import { save } from "../../download";
import { money, utc } from "../../format";
import { useLoad } from "../../live";
import type { Correction, Difference, Invoice } from "../../types";
import { Card, Facts, Hash, Load, Standing, Table, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";

/** What was issued after a bill; nothing where nothing was. */
export function Corrections({ invoice }: { invoice: Invoice }) {
  const corrections = useLoad(`corrections ${invoice.id}`, () => api.corrections(invoice.id), ["block"]);
  const [wanted, setWanted] = useState("");
  const items = corrections.data?.items ?? [];
  const shown = items.find(({ id }) => id === wanted);
  if (!items.length) return null;
  const close = () => {
    setWanted("");
    focusCard("corrections");
  };
  return (
    <>
      <Card title={`Corrections of ${invoice.number}`} id="corrections">
        <p className="hint">
          The bill stays as it was issued. What changed afterwards is a document of its own; with all of them the bill
          comes to {money(items.at(-1)?.right ?? invoice.total, 2)} {invoice.currency}.
        </p>
        <CorrectionTable items={items} onChoose={setWanted} />
      </Card>
      {shown && <One key={shown.id} correction={shown} onClose={close} />}
    </>
  );
}

function CorrectionTable({ items, onChoose }: { items: Correction[]; onChoose: (id: string) => void }) {
  const { outcome, run } = useWork();
  const attempt = (action: Promise<void>) => void run(() => action);
  return (
    <>
      <Outcome of={outcome} />
      <Table<Correction>
        caption="Corrections of the bill, oldest first"
        rows={items}
        rowKey={(one) => one.id}
        empty={null}
        columns={[
          { head: "Number", cell: (one) => <b>{one.number}</b> },
          { head: "Issued", cell: (one) => utc(one.issued_at) },
          { head: "Why", cell: causeOf },
          { head: "What it is", cell: (one) => <Standing of={kindOf(one)} /> },
          { head: "Total", numeric: true, cell: (one) => `${money(one.total, 2)} ${one.currency}` },
          { head: "To pay", numeric: true, cell: (one) => `${money(one.due, 2)} ${one.currency}` },
          {
            head: "Actions",
            hideHead: true,
            cell: (one) => (
              <span className="row-actions">
                <button type="button" className="small" onClick={() => onChoose(one.id)}>
                  Lines<span className="sr-only"> of {one.number}</span>
                </button>
                <button type="button" className="quiet small" onClick={() => attempt(download(one))}>
                  Download<span className="sr-only"> the verifiable file of {one.number}</span>
                </button>
                <button type="button" className="quiet small" onClick={() => attempt(document(one, "pdf"))}>
                  PDF<span className="sr-only"> of {one.number}</span>
                </button>
                <button type="button" className="quiet small" onClick={() => attempt(document(one, "xml"))}>
                  XML<span className="sr-only"> (EN 16931) of {one.number}</span>
                </button>
              </span>
            ),
          },
        ]}
      />
    </>
  );
}

async function download(one: Correction) {
  save(await api.correctionFile(one.id), `${one.number}.json`);
}

async function document(one: Correction, format: api.DocumentFormat) {
  save(await api.correctionDocument(one.id, format), `${one.number}.${format}`);
}

/** A correction line by line, with the bill that it corrects. */
function One({ correction, onClose }: { correction: Correction; onClose: () => void }) {
  const issued = useLoad(`correction ${correction.id}`, () => api.correction(correction.id));
  const { currency } = correction;
  return (
    <Card
      title={`Lines of ${correction.number}`}
      id="correction"
      className="amounts"
      aside={
        <button type="button" className="quiet small" onClick={onClose}>
          Close
        </button>
      }
    >
      <Load of={issued}>
        {(known) => (
          <Table<Difference>
            caption={`What differs in ${correction.number}`}
            rows={known.correction.lines}
            rowKey={(line) => `${line.class} ${line.label}`}
            empty="No line differs: what goes on to the next bill does."
            columns={[
              { head: "What for", cell: (line) => line.label },
              { head: `Billed (${currency})`, numeric: true, cell: (line) => money(line.before, 2) },
              { head: `Right (${currency})`, numeric: true, cell: (line) => money(line.right, 2) },
              { head: `Difference (${currency})`, numeric: true, cell: (line) => money(line.amount, 2) },
            ]}
          />
        )}
      </Load>
      <Facts
        items={[
          ["Corrects", correction.invoice_number],
          ["Period", `${correction.from} to ${correction.to}`],
          ["The bill comes to", `${money(correction.right, 2)} ${currency}`],
          ["Hash on chain", <Hash key="h" value={correction.hash} />],
        ]}
      />
    </Card>
  );
}
