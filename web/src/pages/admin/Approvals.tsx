import { type FormEvent, useState } from "react";
import { sameAddress } from "../../address";
import * as api from "../../api";
import { APPROVAL_TONES, subjectOf } from "../../approval";
import { codeAt } from "../../currency";
import { AmountField, SelectField } from "../../fields";
import { utc } from "../../format";
import { WH, amountOf, limitError } from "../../limit";
import { useLoad } from "../../live";
import type { Approval, Party } from "../../types";
import { Badge, Card, Hash, Load, Table, focusCard } from "../../ui";
import { useUnits } from "../../units";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** Four eyes: what one person asked for and another one decides. */
export function Approvals() {
  const requests = useLoad("approvals", api.approvals, ["block"]);
  const people = useLoad("people", api.parties);
  const units = useUnits();
  const { busy, outcome, run } = useWork();
  const decide = async (item: Approval, how: typeof api.approve, verb: string) => {
    if (!confirm(`${verb}: ${textOf(item)}?`)) return;
    const decided = await run(async () => {
      await how(item.approval);
    });
    if (decided) focusCard("approvals");
    requests.reload();
  };
  const nameOf = (id: string) => people.data?.find((party) => party.party === id)?.name;
  const nameAt = (address: string) =>
    people.data?.find((party) => party.account && sameAddress(party.account.address, address))?.name ??
    codeAt(units.data ?? [], address);
  const textOf = (item: Approval) => subjectOf(item, nameAt);
  const ownerOf = (id: string) => people.data?.find((party) => party.account?.account === id)?.name;
  return (
    <>
      <Card title="Waiting for consent" id="approvals">
        <p className="hint">Who asked cannot decide. What is to be signed is signed when its owner sends it again.</p>
        <Outcome of={outcome} />
        <Load of={requests}>
          {(page) => (
            <Table
              caption="Requests for consent, newest first"
              rows={page.items}
              rowKey={(item) => item.approval}
              empty="Nobody has asked for anything."
              columns={[
                { head: "Asked", cell: (item) => utc(item.requested_at) },
                { head: "By", cell: (item) => nameOf(item.requested_by) ?? <Hash value={item.requested_by} /> },
                { head: "Account", cell: (item) => ownerOf(item.account) ?? <Hash value={item.account} /> },
                { head: "What", cell: (item) => <span className="wrap">{textOf(item)}</span> },
                { head: "State", cell: (item) => <Badge tone={APPROVAL_TONES[item.state]}>{item.state}</Badge> },
                {
                  head: "Decided by",
                  cell: (item) => (item.decided_by ? (nameOf(item.decided_by) ?? <Hash value={item.decided_by} />) : "–"),
                },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (item) => item.state === "open" && <Decision item={item} busy={busy} decide={decide} />,
                },
              ]}
            />
          )}
        </Load>
      </Card>
      <ChangeLimit people={people.data ?? []} onChanged={requests.reload} />
    </>
  );
}

function Decision(props: {
  item: Approval;
  busy: boolean;
  decide: (item: Approval, how: typeof api.approve, verb: string) => Promise<void>;
}) {
  const { item, busy, decide } = props;
  const { party, roles } = useUser();
  if (!roles.includes("operator") && !roles.includes("admin")) return null;
  if (item.requested_by === party) return <span className="muted">another person decides</span>;
  return (
    <>
      <button type="button" className="small" disabled={busy} onClick={() => decide(item, api.approve, "Consent")}>
        Consent<span className="sr-only"> to {subjectOf(item)}</span>
      </button>{" "}
      <button type="button" className="quiet small danger" disabled={busy} onClick={() => decide(item, api.refuse, "Refuse")}>
        Refuse<span className="sr-only"> {subjectOf(item)}</span>
      </button>
    </>
  );
}

function ChangeLimit({ people, onChanged }: { people: Party[]; onChanged: () => void }) {
  const [account, setAccount] = useState("");
  const [unit, setUnit] = useState("");
  const [daily, setDaily] = useState("");
  const [tried, setTried] = useState(false);
  const units = useUnits();
  const { busy, outcome, run } = useWork();
  const held = people.filter((party) => party.account?.custody === "held");
  const first = units.data?.[0];
  const of = unit || (first?.code ?? "");
  const write = (amount: string) => amountOf(amount, of, first?.code === of ? first.sign : undefined);
  const load = async () => (account && of ? api.signingLimit(account, of) : undefined);
  const limit = useLoad(`limit ${account} ${of}`, load, ["block"]);
  const error = limitError(daily, of);
  const choose = (to: string) => {
    setUnit(to);
    setTried(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (error) return;
    void run(async () => {
      const body = { daily: daily.trim(), ...(unit ? { unit } : {}) };
      const answer = await api.changeSigningLimit(account, body);
      setTried(false);
      limit.reload();
      onChanged();
      return "approval" in answer ? "It waits for the consent of another member of staff." : "It is in force.";
    });
  };
  return (
    <Card title="What is signed in a day" id="signing-limit">
      <p className="hint">
        For accounts whose key is held. A lower limit is in force at once, a higher one when another person consents.
      </p>
      <form className="form wide" onSubmit={submit}>
        <SelectField label="Account" required value={account} onChange={setAccount}>
          <option value="">Choose one</option>
          {held.map((party) => (
            <option key={party.party} value={party.account?.account}>
              {party.name}
            </option>
          ))}
        </SelectField>
        <SelectField label="Of" value={of} onChange={choose}>
          {(units.data ?? []).map(({ code, sign }) => (
            <option key={code} value={code}>
              {sign ? `Money (${code})` : code}
            </option>
          ))}
          <option value={WH}>Certified energy (Wh)</option>
        </SelectField>
        <AmountField
          label={`At most in a day (${of === WH || !first?.sign ? of : first.sign})`}
          required
          placeholder={of === WH ? "5000" : "20000"}
          error={tried ? error : undefined}
          hint={limit.data && `In force: ${write(limit.data.daily)}; signed today: ${write(limit.data.signed_today)}.`}
          value={daily}
          onChange={setDaily}
        />
        <button type="submit" className="primary" disabled={busy || !of}>
          Set the limit
        </button>
      </form>
      <Outcome of={outcome} />
    </Card>
  );
}
