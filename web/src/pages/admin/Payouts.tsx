import { useState } from "react";
import * as api from "../../api";
import { namedIn } from "../../currency";
import { save } from "../../download";
import { inCurrency } from "../../exchange";
import { Filter } from "../../fields";
import { count, money, utc } from "../../format";
import { useLoad } from "../../live";
import { PAYOUT_STATES, spaced } from "../../payout";
import type { Payout, PayoutFile, PayoutState } from "../../types";
import { Card, Hash, Load, Table, focusCard } from "../../ui";
import { useUnits } from "../../units";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { State } from "../wallet/Payouts";

/** Payouts of the community, and the files with which its bank is asked to pay them. */
export function Payouts() {
  const { roles } = useUser();
  const mayOrder = roles.includes("operator") || roles.includes("utility");
  const [state, setState] = useState<PayoutState | "">("");
  const [made, setMade] = useState(0);
  const payouts = useLoad(`payouts ${state} ${made}`, () => api.payouts(state ? { state } : {}), ["block"]);
  const { outcome, run } = useWork();
  const decide = async (question: string, work: () => Promise<Payout>) => {
    if (!confirm(question)) return;
    const decided = await run(async () => {
      await work();
    });
    if (decided) focusCard("payouts");
    payouts.reload();
  };
  return (
    <>
      <Card title="Payouts" id="payouts">
        <Filter
          id="payout-state"
          label="State"
          value={state}
          onChange={(wanted) => setState(wanted as PayoutState | "")}
        >
          <option value="">All</option>
          {Object.entries(PAYOUT_STATES).map(([name, [text]]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </Filter>
        <Outcome of={outcome} />
        <Load of={payouts}>
          {(page) => (
            <Table
              caption="Payouts of the community, newest first"
              rows={page.items}
              rowKey={(payout) => payout.id}
              empty={state ? "No payout is in this state. Show all to see the others." : "Nobody has asked to be paid out yet."}
              columns={[
                { head: "Asked", cell: (payout) => utc(payout.at) },
                {
                  head: "Amount",
                  numeric: true,
                  cell: ({ amount, currency }) => inCurrency(amount, currency),
                },
                { head: "To", cell: (payout) => <To payout={payout} /> },
                { head: "State", cell: (payout) => <State payout={payout} /> },
                { head: "End-to-end id", cell: (payout) => <Hash value={payout.end_to_end_id} /> },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (payout) =>
                    mayOrder && payout.state === "returned" && <Decision payout={payout} decide={decide} />,
                },
              ]}
            />
          )}
        </Load>
      </Card>
      {mayOrder && <Files onMade={() => setMade((times) => times + 1)} />}
    </>
  );
}

function To({ payout: { creditor, iban } }: { payout: Payout }) {
  if (!iban) return <>Back into the wallet</>;
  return (
    <>
      {creditor}
      <span className="stat-note">{spaced(iban)}</span>
    </>
  );
}

/** What becomes of a payout that came back. */
function Decision(props: { payout: Payout; decide: (question: string, work: () => Promise<Payout>) => void }) {
  const { payout, decide } = props;
  const amount = inCurrency(payout.amount, payout.currency);
  const order = () =>
    decide(`Ask the bank again to pay ${amount} to ${payout.creditor}?`, () => api.orderPayoutAgain(payout.id));
  const credit = () =>
    decide(`Put ${amount} back into the wallet of ${payout.creditor}?`, () => api.creditPayout(payout.id));
  return (
    <div className="row-actions">
      <button type="button" className="small" onClick={order}>
        Order again<span className="sr-only"> for {payout.creditor}</span>
      </button>
      <button type="button" className="small" onClick={credit}>
        Credit to the wallet<span className="sr-only"> of {payout.creditor}</span>
      </button>
    </div>
  );
}

async function download(file: PayoutFile) {
  save(await api.payoutFile(file.id), `pain001-${file.id}.xml`);
}

function Files({ onMade }: { onMade: () => void }) {
  const files = useLoad("payout files", api.payoutFiles);
  const units = useUnits();
  const [wanted, setWanted] = useState("");
  const unit = units.data?.find(({ code }) => code === wanted) ?? units.data?.[0];
  // One key until a file is made: pressing twice makes one.
  const [key, setKey] = useState(() => crypto.randomUUID());
  // A key names a file of one currency.
  const choose = (code: string) => {
    setWanted(code);
    setKey(crypto.randomUUID());
  };
  const { busy, outcome, run } = useWork<PayoutFile>();
  const make = () =>
    run(async () => {
      const file = await api.makePayoutFile(key, unit && namedIn(unit).currency);
      setKey(crypto.randomUUID());
      files.reload();
      onMade();
      return file;
    });
  return (
    <Card
      title="Bank files"
      id="payout-files"
      aside={
        <button type="button" className="primary" onClick={make} disabled={busy || !unit}>
          Make bank file{unit && !unit.sign && ` (${unit.code})`}
        </button>
      }
    >
      <p className="hint">
        A file (pain.001) asks the bank to pay what waits. What was made stays as it is: give each to the bank once.
      </p>
      {units.data && units.data.length > 1 && (
        <Filter id="file-currency" label="Currency" value={unit?.code ?? ""} onChange={choose}>
          {units.data.map(({ code }) => (
            <option key={code}>{code}</option>
          ))}
        </Filter>
      )}
      <Outcome of={outcome}>
        {(file) => (
          <>
            The file has {count(file.payments)} payments of {money(file.total, 2)} {file.currency} together.
          </>
        )}
      </Outcome>
      <Load of={files}>
        {(page) => (
          <Table
            caption="Bank files, newest first"
            rows={page.items}
            rowKey={(file) => file.id}
            empty="No file was made yet. Make one when payouts wait for it."
            columns={[
              { head: "Made", cell: (file) => utc(file.at) },
              { head: "Message id", cell: (file) => <Hash value={file.id} /> },
              { head: "Payments", numeric: true, cell: (file) => count(file.payments) },
              { head: "Total", numeric: true, cell: (file) => `${money(file.total, 2)} ${file.currency}` },
              { head: "Hash", cell: (file) => <Hash value={file.hash} /> },
              {
                head: "Actions",
                hideHead: true,
                cell: (file) => (
                  <button type="button" className="small" onClick={() => run(() => download(file))} disabled={busy}>
                    Download<span className="sr-only"> file {file.id}</span>
                  </button>
                ),
              },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}
