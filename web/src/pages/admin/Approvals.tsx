import { type FormEvent, useState } from "react";
import { sameAddress } from "../../address";
import * as api from "../../api";
import { APPROVAL_TONES, subjectOf } from "../../approval";
import { utc } from "../../format";
import { useLoad } from "../../live";
import type { Approval, Party } from "../../types";
import { Badge, Card, Field, Hash, Load, Notice, Table } from "../../ui";
import { useUser } from "../../user";

/** Four eyes: what one person asked for and another one decides. */
export function Approvals() {
  const requests = useLoad("approvals", api.approvals, ["block"]);
  const people = useLoad("people", api.parties);
  const [error, setError] = useState("");
  const decide = async (item: Approval, how: typeof api.approve, verb: string) => {
    if (!confirm(`${verb}: ${textOf(item)}?`)) return;
    setError("");
    try {
      await how(item.approval);
    } catch (problem) {
      setError((problem as Error).message);
    }
    requests.reload();
  };
  const nameOf = (id: string) => people.data?.find((party) => party.party === id)?.name;
  const memberAt = (address: string) =>
    people.data?.find((party) => party.account && sameAddress(party.account.address, address))?.name;
  const textOf = (item: Approval) => subjectOf(item, memberAt);
  const ownerOf = (id: string) => people.data?.find((party) => party.account?.account === id)?.name;
  return (
    <>
      <Card title="Waiting for consent" id="approvals">
        <p className="hint">Who asked cannot decide. What is to be signed is signed when its owner sends it again.</p>
        {error && <Notice tone="bad">{error}</Notice>}
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
                  cell: (item) => item.state === "open" && <Decision item={item} decide={decide} />,
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
  decide: (item: Approval, how: typeof api.approve, verb: string) => Promise<void>;
}) {
  const { item, decide } = props;
  const { party, roles } = useUser();
  if (!roles.includes("operator") && !roles.includes("admin")) return null;
  if (item.requested_by === party) return <span className="muted">another person decides</span>;
  return (
    <>
      <button type="button" className="small" onClick={() => decide(item, api.approve, "Consent")}>
        Consent<span className="sr-only"> to {subjectOf(item)}</span>
      </button>{" "}
      <button type="button" className="quiet small danger" onClick={() => decide(item, api.refuse, "Refuse")}>
        Refuse<span className="sr-only"> {subjectOf(item)}</span>
      </button>
    </>
  );
}

function ChangeLimit({ people, onChanged }: { people: Party[]; onChanged: () => void }) {
  const [account, setAccount] = useState("");
  const [daily, setDaily] = useState("");
  const [outcome, setOutcome] = useState<string | Error>();
  const held = people.filter((party) => party.account?.custody === "held");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setOutcome(undefined);
    try {
      const answer = await api.changeSigningLimit(account, daily);
      setOutcome("approval" in answer ? "It waits for the consent of another member of staff." : "It is in force.");
      onChanged();
    } catch (problem) {
      setOutcome(problem as Error);
    }
  };
  return (
    <Card title="What is signed in a day" id="signing-limit">
      <p className="hint">
        For accounts whose key is held. A lower limit is in force at once, a higher one when another person consents.
      </p>
      <form className="form wide" onSubmit={submit}>
        <Field label="Account">
          {(attributes) => (
            <select {...attributes} required value={account} onChange={(event) => setAccount(event.target.value)}>
              <option value="">Choose one</option>
              {held.map((party) => (
                <option key={party.party} value={party.account?.account}>
                  {party.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="At most in a day ($)">
          {(attributes) => (
            <input
              {...attributes}
              required
              inputMode="decimal"
              pattern="[0-9]+([.][0-9]{1,9})?"
              placeholder="20000"
              value={daily}
              onChange={(event) => setDaily(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="primary">
          Set the limit
        </button>
      </form>
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
    </Card>
  );
}
