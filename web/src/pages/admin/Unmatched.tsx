import { type FormEvent, useEffect, useRef, useState } from "react";
import * as api from "../../api";
import { inCurrency } from "../../exchange";
import { SelectField } from "../../fields";
import { utc } from "../../format";
import { useLoad } from "../../live";
import { mayAssign, reasonOf } from "../../payment";
import { spaced } from "../../payout";
import { Link } from "../../route";
import type { UnmatchedPayment } from "../../types";
import { Badge, Card, Facts, Hash, Load, Notice, Pager, Table, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

const amountOf = ({ amount, currency }: UnmatchedPayment) => inCurrency(amount, currency);

/** Payments of the bank that nobody is credited with: what each says, and whose it is. */
export function Unmatched() {
  const { roles } = useUser();
  if (roles.includes("operator") || roles.includes("utility")) return <Contents />;
  return (
    <Card title="Payments of nobody" id="unmatched">
      <Notice tone="info">Operators and the utility see payments: ask one of them to credit what is missing.</Notice>
    </Card>
  );
}

function Contents() {
  const [trail, setTrail] = useState<string[]>([]);
  const [chosen, setChosen] = useState<UnmatchedPayment>();
  const cursor = trail.at(-1);
  const payments = useLoad(`unmatched ${cursor ?? ""}`, () => api.unmatched(cursor), ["block"]);
  const { busy, outcome, run, say } = useWork();
  const refused = outcome instanceof Error ? outcome : undefined;
  const close = () => {
    setChosen(undefined);
    focusCard("unmatched");
  };
  const assign = (payment: UnmatchedPayment, account: string, name: string) =>
    run(async () => {
      await api.assignPayment(payment.id, account);
      close();
      payments.reload();
      return `${amountOf(payment)} are on their way to ${name}. They are in the wallet when a block has them.`;
    });
  return (
    <>
      <Card title="Payments of nobody" id="unmatched">
        <p className="hint">
          These came with a bank statement, and no wallet's reference says for certain whose they are. They are kept
          until somebody says so.
        </p>
        {!refused && <Outcome of={outcome} />}
        <Load of={payments}>
          {(page) => (
            <>
              <Table
                caption="Payments that nobody is credited with, oldest first"
                rows={page.items}
                rowKey={(payment) => String(payment.id)}
                rowClass={(payment) => (payment.id === chosen?.id ? "own" : undefined)}
                empty="Everything that came in is credited. What a bank statement brings and nobody can be told for is listed here."
                columns={[
                  { head: "Booked", cell: (payment) => payment.booked_on },
                  { head: "Amount", numeric: true, cell: amountOf },
                  { head: "From", cell: (payment) => <From payment={payment} /> },
                  { head: "It says", cell: ({ remittance }) => <span className="wrap">{remittance || "–"}</span> },
                  { head: "Why it waits", cell: (payment) => <Why payment={payment} /> },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (payment) =>
                      mayAssign(payment) && (
                        <button
                          type="button"
                          className="small"
                          disabled={busy}
                          onClick={() => {
                            say(undefined);
                            setChosen(payment);
                          }}
                        >
                          Credit<span className="sr-only"> payment {payment.id} of {amountOf(payment)}</span>
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
      {chosen && (
        <Assign
          key={chosen.id}
          payment={chosen}
          busy={busy}
          error={refused}
          onAssign={assign}
          onClose={close}
        />
      )}
    </>
  );
}

function From({ payment: { debtor, debtor_account } }: { payment: UnmatchedPayment }) {
  if (!debtor && !debtor_account) return <span className="muted">The bank does not say</span>;
  return (
    <span className="wrap">
      {debtor}
      {debtor_account && <span className="stat-note">{spaced(debtor_account)}</span>}
    </span>
  );
}

function Why({ payment }: { payment: UnmatchedPayment }) {
  return (
    <span className="wrap">
      {payment.side === "debit" && <Badge>Went out</Badge>} {reasonOf(payment)}
      {payment.payout && (
        <span className="stat-note">
          Payout <Hash value={payment.payout} />, see <Link href="/admin/payouts">payouts</Link>
        </span>
      )}
    </span>
  );
}

interface AssignProps {
  payment: UnmatchedPayment;
  busy: boolean;
  error: Error | undefined;
  onAssign: (payment: UnmatchedPayment, account: string, name: string) => void;
  onClose: () => void;
}

/** Says whose a payment is: for good, since another account cannot get it afterwards. */
function Assign({ payment, busy, error, onAssign, onClose }: AssignProps) {
  const people = useLoad("people", api.parties);
  const [account, setAccount] = useState("");
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector("select")?.focus(), []);
  const owners = (people.data ?? []).flatMap((party) => (party.account ? [{ ...party.account, name: party.name }] : []));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const owner = owners.find((one) => one.account === account);
    if (!owner) return;
    const question = `Credit ${amountOf(payment)} to ${owner.name} (${owner.pseudonym})? It cannot go to anybody else then.`;
    if (confirm(question)) onAssign(payment, owner.account, owner.name);
  };
  return (
    <Card
      title="Whose payment is it?"
      id="assign-payment"
      aside={
        <button type="button" className="quiet small" onClick={onClose} disabled={busy}>
          Close
        </button>
      }
    >
      <Facts
        items={[
          ["Amount", amountOf(payment)],
          ["From", <From key="f" payment={payment} />],
          ["It says", payment.remittance || "–"],
          ["Booked", payment.booked_on],
          ["Statement", payment.statement],
          ["First heard of", utc(payment.at)],
          ["Why it waits", reasonOf(payment)],
        ]}
      />
      <form className="form wide" onSubmit={submit} ref={form}>
        <SelectField
          label="Account"
          hint="Make sure of it: ask who paid, or look at who pays from there."
          required
          value={account}
          onChange={setAccount}
        >
          <option value="">Choose one</option>
          {owners.map((one) => (
            <option key={one.account} value={one.account}>
              {one.name} ({one.pseudonym})
            </option>
          ))}
        </SelectField>
        <button type="submit" className="primary" disabled={busy}>
          Credit
        </button>
      </form>
      <Outcome of={error} />
    </Card>
  );
}
