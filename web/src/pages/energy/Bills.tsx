import { useEffect, useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import { money } from "../../format";
import { useLoad } from "../../live";
import type { Invoice } from "../../types";
import { Card, Hash, Load, Table, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";
import { Disputes } from "../disputes/Disputes";
import { Corrections } from "./Corrections";
import { Payment } from "./Payment";
import { openInvoice } from "./files";

/** The bills of an account; of the one that is chosen, how it is paid and what is wrong with it. */
export function Bills({ account }: { account: string }) {
  const invoices = useLoad("invoices", () => api.invoices(account), ["invoice_issued"]);
  const [wanted, setWanted] = useState("");
  const { outcome, run } = useWork();
  const shown = invoices.data?.items.find(({ id }) => id === wanted) ?? invoices.data?.items[0];
  // What is chosen is shown below the list: a keyboard goes on there.
  useEffect(() => {
    if (wanted) focusCard("payment");
  }, [wanted]);
  const attempt = (action: Promise<void>) => void run(() => action);
  return (
    <>
      <Card title="Bills" id="bills">
        <Outcome of={outcome} />
        <Load of={invoices}>
          {(page) => (
            <>
              <Table<Invoice>
                caption="Your bills, the newest first"
                rows={page.items}
                rowKey={(invoice) => invoice.id}
                rowClass={(invoice) => (page.items.length > 1 && invoice.id === shown?.id ? "own" : undefined)}
                empty="No bill has been issued yet. The first one comes at the end of the month."
                columns={[
                  { head: "Number", cell: (invoice) => <b>{invoice.number}</b> },
                  { head: "Period", cell: (invoice) => `${invoice.from} to ${invoice.to}` },
                  { head: "Total", numeric: true, cell: (invoice) => `${money(invoice.total, 2)} ${invoice.currency}` },
                  { head: "To pay", numeric: true, cell: (invoice) => `${money(invoice.due, 2)} ${invoice.currency}` },
                  { head: "Hash on chain", cell: (invoice) => <Hash value={invoice.hash} /> },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (invoice) => (
                      <span className="row-actions">
                        {page.items.length > 1 && (
                          <button type="button" className="small" onClick={() => setWanted(invoice.id)}>
                            Payment<span className="sr-only"> of {invoice.number}</span>
                          </button>
                        )}
                        <button type="button" className="small" onClick={() => attempt(openInvoice(invoice.id))}>
                          Open<span className="sr-only"> bill {invoice.number}</span>
                        </button>
                        <button type="button" className="quiet small" onClick={() => attempt(download(invoice))}>
                          Download<span className="sr-only"> the verifiable file of bill {invoice.number}</span>
                        </button>
                        <button type="button" className="quiet small" onClick={() => attempt(document(invoice, "pdf"))}>
                          PDF<span className="sr-only"> of bill {invoice.number}</span>
                        </button>
                        <button type="button" className="quiet small" onClick={() => attempt(document(invoice, "xml"))}>
                          XML<span className="sr-only"> (EN 16931) of bill {invoice.number}</span>
                        </button>
                      </span>
                    ),
                  },
                ]}
              />
              {page.items[0] && <Verify invoice={page.items[0]} />}
            </>
          )}
        </Load>
      </Card>
      {shown && <BillOf key={shown.id} invoice={shown} />}
    </>
  );
}

/** What is done about one bill: it is paid, or something is wrong with it. */
function BillOf({ invoice }: { invoice: Invoice }) {
  const payment = useLoad(`payment ${invoice.id}`, () => api.invoicePayment(invoice.id), ["block"]);
  return (
    <>
      <Payment invoice={invoice} payment={payment} />
      <Corrections invoice={invoice} />
      <Disputes invoice={invoice} onChange={payment.reload} />
    </>
  );
}

function fileName(invoice: Invoice): string {
  return `${invoice.number}.json`;
}

async function download(invoice: Invoice) {
  save(await api.invoiceFile(invoice.id), fileName(invoice));
}

async function document(invoice: Invoice, format: api.DocumentFormat) {
  save(await api.invoiceDocument(invoice.id, format), `${invoice.number}.${format}`);
}

function Verify({ invoice }: { invoice: Invoice }) {
  const command = `wattex verify ${fileName(invoice)} --rpc ${location.origin}/rpc`;
  return (
    <div className="verify">
      <h3>Check it yourself</h3>
      <p>
        Download the verifiable file of a bill and run this on your own computer. It proves every line back to
        the readings that your meter signed. The chain's word may come from any node that you trust, or, without
        a connection, from a trust file.
      </p>
      <p className="command">
        <code>{command}</code>
        <button type="button" className="quiet small" onClick={() => navigator.clipboard?.writeText(command)}>
          Copy<span className="sr-only"> the command</span>
        </button>
      </p>
    </div>
  );
}
