import { type FormEvent, useEffect, useRef, useState } from "react";
import * as api from "../../api";
import { inCurrency } from "../../exchange";
import { SelectField } from "../../fields";
import { money, utc } from "../../format";
import { useLoad } from "../../live";
import { mayAssign, mayBeFor, reasonOf } from "../../payment";
import { spaced } from "../../payout";
import { Link } from "../../route";
import type { Party, Receivable, UnmatchedPayment } from "../../types";
import { Badge, Card, Empty, Facts, Hash, Load, Notice, Pager, Table, focusCard } from "../../ui";
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
  const assign = (work: () => Promise<string>) =>
    run(async () => {
      const said = await work();
      close();
      payments.reload();
      return said;
    });
  return (
    <>
      <Card title="Payments of nobody" id="unmatched">
        <p className="hint">
          These came with a bank statement, and no reference says for certain whose they are or which bill they are
          for. They are kept until somebody says so.
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
                          Assign<span className="sr-only"> payment {payment.id} of {amountOf(payment)}</span>
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
  /** Does it; what it comes to is said in words. */
  onAssign: (work: () => Promise<string>) => void;
  onClose: () => void;
}

/** Says whose a payment is, or for which bill: for good, since nobody else can get it afterwards. */
function Assign({ payment, busy, error, onAssign, onClose }: AssignProps) {
  const people = useLoad("people", api.parties);
  const [to, setTo] = useState<"wallet" | "bill">("wallet");
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.querySelector("input")?.focus(), []);
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
      <div className="flow" ref={place}>
        <fieldset className="choices">
          <legend>What it is for</legend>
          {(["wallet", "bill"] as const).map((one) => (
            <label key={one}>
              <input type="radio" name="assign-to" value={one} checked={to === one} onChange={() => setTo(one)} />
              {one === "wallet" ? "It was paid into a wallet" : "It pays a bill"}
            </label>
          ))}
        </fieldset>
        {to === "wallet" ? (
          <ToWallet payment={payment} people={people.data ?? []} busy={busy} onAssign={onAssign} />
        ) : (
          <ToBill payment={payment} people={people.data ?? []} busy={busy} onAssign={onAssign} />
        )}
      </div>
      <Outcome of={error} />
    </Card>
  );
}

type ToProps = Pick<AssignProps, "payment" | "busy" | "onAssign"> & { people: Party[] };

function ToWallet({ payment, people, busy, onAssign }: ToProps) {
  const [account, setAccount] = useState("");
  const owners = people.flatMap((party) => (party.account ? [{ ...party.account, name: party.name }] : []));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const owner = owners.find((one) => one.account === account);
    if (!owner) return;
    const question = `Credit ${amountOf(payment)} to ${owner.name} (${owner.pseudonym})? It cannot go to anybody else then.`;
    if (!confirm(question)) return;
    onAssign(async () => {
      await api.assignPayment(payment.id, owner.account);
      return `${amountOf(payment)} are on their way to ${owner.name}. They are in the wallet when a block has them.`;
    });
  };
  return (
    <form className="form wide" onSubmit={submit}>
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
  );
}

function ToBill({ payment, people, busy, onAssign }: ToProps) {
  const bills = useLoad("receivables to choose", api.receivablesToChoose);
  const [invoice, setInvoice] = useState("");
  const nameOf = (account: string) => people.find((party) => party.account?.account === account)?.name ?? account;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const bill = bills.data?.find((one) => one.invoice === invoice);
    if (!bill) return;
    const question = `Pay ${bill.number} of ${nameOf(bill.account)} with ${amountOf(payment)}? It cannot be for anything else then.`;
    if (!confirm(question)) return;
    onAssign(async () => {
      const got = await api.assignToInvoice(payment.id, bill.invoice);
      const said = `${bill.number} got ${inCurrency(got.received, payment.currency)}.`;
      return got.payment ? `${said} The rest is on its way to the wallet of ${nameOf(bill.account)}.` : said;
    });
  };
  const option = (one: Receivable) => (
    <option key={one.invoice} value={one.invoice}>
      {one.number}, {nameOf(one.account)}: {money(one.left, 2)} left
    </option>
  );
  return (
    <Load of={bills}>
      {(list) => {
        const [likely, others] = [list.filter((one) => mayBeFor(payment, one)), list.filter((one) => !mayBeFor(payment, one))];
        if (!list.length) return <Empty>Every bill is paid: none waits for a payment.</Empty>;
        return (
          <form className="form wide" onSubmit={submit}>
            <SelectField
              label="Bill"
              hint="What is more than the bill leaves goes to the wallet of whose it is."
              required
              value={invoice}
              onChange={setInvoice}
            >
              <option value="">Choose one</option>
              {likely.length > 0 && <optgroup label="Of this number or amount">{likely.map(option)}</optgroup>}
              {others.length > 0 && <optgroup label="Others">{others.map(option)}</optgroup>}
            </SelectField>
            <button type="submit" className="primary" disabled={busy}>
              Pay the bill
            </button>
          </form>
        );
      }}
    </Load>
  );
}
