import { useState } from "react";
import * as api from "../../api";
import { type Unit, amountIn, labelOf, namedIn } from "../../currency";
import { REASON_MAX, transferState, wishErrors } from "../../dealer";
import { AmountField, Form, SelectField, TextAreaField } from "../../fields";
import { MONEY_SCALE, money, utc } from "../../format";
import { useLoad } from "../../live";
import type { DealerTransfer, Party } from "../../types";
import { Address, Card, Hash, Load, Pager, Standing, Table, focusCard } from "../../ui";
import { useUnits } from "../../units";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** Cash of the dealer that one of the staff wants given to an account, and another one decides about. */
export function Dealer() {
  const { roles } = useUser();
  if (roles.some((role) => role === "operator" || role === "utility")) return <Transfers />;
  return (
    <Card title="The dealer's cash" id="dealer-transfers">
      <p className="empty">Operators and utilities see what is asked for, and decide.</p>
    </Card>
  );
}

function Transfers() {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const wanted = useLoad(`dealer ${cursor ?? ""}`, () => api.dealerTransfers(cursor), ["block", "block_removed"]);
  const people = useLoad("people", api.parties);
  const units = useUnits();
  const { busy, outcome, run } = useWork();
  const { party } = useUser();
  const personOf = (id: string) => people.data?.find((one) => one.party === id)?.name ?? <Hash value={id} />;
  const ownerOf = (id: string) => people.data?.find((one) => one.account?.account === id)?.name;
  const decide = async (one: DealerTransfer, how: typeof api.approveDealerTransfer, verb: string) => {
    if (!confirm(`${verb}: ${sumOf(one)} for ${ownerOf(one.account) ?? one.to}?`)) return;
    const decided = await run(async () => {
      await how(one.id);
    });
    if (decided) focusCard("dealer-transfers");
    wanted.reload();
  };
  return (
    <>
      <Card title="The dealer's cash" id="dealer-transfers">
        <p className="hint">
          What the dealer holds leaves to an account when two agree. Nobody decides what they asked for, nor what their own
          account gets.
        </p>
        <Outcome of={outcome} />
        <Load of={wanted}>
          {(page) => (
            <>
              <Table<DealerTransfer>
                caption="Transfers of the dealer's cash, newest first"
                rows={page.items}
                rowKey={(one) => one.id}
                empty="Nobody wants any of it. The form below asks for some."
                columns={[
                  { head: "When", cell: (one) => utc(one.at) },
                  { head: "Amount", numeric: true, cell: sumOf },
                  { head: "To", cell: (one) => <>{ownerOf(one.account)} <Address value={one.to} /></> },
                  { head: "What for", cell: (one) => <span className="wrap">{one.reason}</span> },
                  { head: "Asked by", cell: (one) => personOf(one.asked_by) },
                  { head: "State", cell: (one) => <Standing of={transferState(one)} reason={one.failure} /> },
                  { head: "Decided by", cell: (one) => (one.decided_by ? personOf(one.decided_by) : "–") },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (one) =>
                      one.state === "open" &&
                      (one.asked_by === party ? (
                        <span className="muted">another person decides</span>
                      ) : (
                        <span className="row-actions">
                          <button
                            type="button"
                            className="small"
                            disabled={busy}
                            onClick={() => void decide(one, api.approveDealerTransfer, "Give it")}
                          >
                            Give it<span className="sr-only">: {sumOf(one)}</span>
                          </button>
                          <button
                            type="button"
                            className="quiet small"
                            disabled={busy}
                            onClick={() => void decide(one, api.refuseDealerTransfer, "Keep it")}
                          >
                            Keep it<span className="sr-only">: {sumOf(one)}</span>
                          </button>
                        </span>
                      )),
                  },
                ]}
              />
              <Pager trail={trail} next={page.next} onMove={setTrail} />
            </>
          )}
        </Load>
      </Card>
      <Ask people={people.data ?? []} units={units.data ?? []} onAsked={wanted.reload} />
    </>
  );
}

const sumOf = ({ amount, currency }: DealerTransfer) => `${money(amount, MONEY_SCALE)} ${currency}`;

function Ask({ people, units, onAsked }: { people: Party[]; units: Unit[]; onAsked: () => void }) {
  const [account, setAccount] = useState("");
  const [code, setCode] = useState("");
  const [amount, setAmount] = useState("");
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const unit = units.find((one) => one.code === code) ?? units[0];
  const errors = wishErrors({ account, amount, reason });
  const shown = tried ? errors : { account: undefined, amount: undefined, reason: undefined };
  const ask = () => {
    setTried(true);
    if (!unit || errors.account || errors.amount || errors.reason) return;
    void run(async () => {
      const asked = await api.askDealerTransfer({
        account, amount: amount.trim(), reason: reason.trim(), ...namedIn(unit),
      });
      [setAmount, setReason].forEach((set) => set(""));
      setTried(false);
      onAsked();
      return `Asked for ${amountIn(unit, asked.amount)}. Another person decides, in the table above.`;
    });
  };
  return (
    <Card title="Have cash given away" id="dealer-ask">
      <Form onSubmit={ask}>
        <SelectField label="To" required error={shown.account} value={account} onChange={setAccount}>
          <option value="">Choose one</option>
          {people.map(
            (one) =>
              one.account && (
                <option key={one.party} value={one.account.account}>
                  {one.name}
                </option>
              ),
          )}
        </SelectField>
        {units.length > 1 && unit && (
          <SelectField label="Currency" value={unit.code} onChange={setCode}>
            {units.map((one) => (
              <option key={one.code}>{one.code}</option>
            ))}
          </SelectField>
        )}
        <AmountField
          label={`Amount (${unit ? labelOf(unit) : ""})`}
          required
          error={shown.amount}
          value={amount}
          onChange={setAmount}
        />
        <TextAreaField label="What for" error={shown.reason} value={reason} onChange={setReason} maxLength={REASON_MAX} />
        <button type="submit" className="primary" disabled={busy || !unit}>
          Ask for it
        </button>
      </Form>
      <Outcome of={outcome} />
    </Card>
  );
}
