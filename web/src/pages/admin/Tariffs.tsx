import { useState } from "react";
import * as api from "../../api";
import { Form, SelectField, TextAreaField, TextField } from "../../fields";
import { money, utc } from "../../format";
import { useLoad } from "../../live";
import { TARIFF_MAX, documentError, firstDayError, outcomeText, proposalState, signed } from "../../tariff";
import type { ProposedTariff, SimulatedMember, TariffForm, TariffProposal } from "../../types";
import { Card, Field, Hash, Load, Notice, Pager, Standing, Table, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

/** Tariffs that one of the staff proposes, and another one publishes. */
export function Tariffs() {
  const [trail, setTrail] = useState<string[]>([]);
  const [chosen, setChosen] = useState<string>();
  const cursor = trail.at(-1);
  const proposals = useLoad(`proposals ${cursor ?? ""}`, () => api.tariffProposals(cursor));
  const people = useLoad("people", api.parties);
  const nameOf = (id: string) => people.data?.find((one) => one.party === id)?.name ?? <Hash value={id} />;
  return (
    <>
      <Card title="Proposed tariffs" id="proposals">
        <p className="hint">
          A tariff is proposed by one person and published by another. Its hash then goes on chain, and it holds from its
          first day on. What was decided stays in this list.
        </p>
        <Load of={proposals}>
          {(page) => (
            <>
              <Table<TariffProposal>
                caption="Proposed tariffs, newest first"
                rows={page.items}
                rowKey={(one) => one.id}
                empty="Nobody has proposed a tariff."
                columns={[
                  { head: "Tariff", cell: (one) => `${one.tariff}, version ${one.version}` },
                  { head: "From", cell: (one) => one.valid_from },
                  { head: "Who pays more", cell: (one) => <span className="wrap">{outcomeText(one)}</span> },
                  { head: "Proposed by", cell: (one) => nameOf(one.asked_by) },
                  { head: "When", cell: (one) => utc(one.at) },
                  { head: "State", cell: (one) => <Standing of={proposalState(one)} /> },
                  { head: "Decided by", cell: (one) => (one.decided_by ? nameOf(one.decided_by) : "–") },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (one) => (
                      <button type="button" className="quiet small" onClick={() => setChosen(one.id)}>
                        Look<span className="sr-only"> at {one.tariff}, version {one.version}</span>
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
      {chosen && <Proposal key={chosen} id={chosen} onDecided={proposals.reload} />}
      <Propose
        onProposed={(id) => {
          setChosen(id);
          proposals.reload();
        }}
      />
    </>
  );
}

/** One proposal: what each member would pay, and the decision. */
function Proposal({ id, onDecided }: { id: string; onDecided: () => void }) {
  const proposal = useLoad(`proposal ${id}`, () => api.tariffProposal(id));
  const { busy, outcome, run } = useWork();
  const decide = async (how: typeof api.approveTariff, question: string) => {
    if (!confirm(question)) return;
    const decided = await run(async () => {
      await how(id);
    });
    if (decided) focusCard("proposal");
    proposal.reload();
    onDecided();
  };
  return (
    <Card title="What it would change" id="proposal">
      <Outcome of={outcome} />
      <Load of={proposal}>
        {(of) => (
          <>
            {of.notes.map((note) => (
              <Notice key={note} tone="info">
                {note}
              </Notice>
            ))}
            <Compared of={of} />
            <details>
              <summary>The tariff</summary>
              <code className="compared">{JSON.stringify(of.terms, null, 2)}</code>
            </details>
            <Decision of={of} busy={busy} decide={decide} />
          </>
        )}
      </Load>
    </Card>
  );
}

function Compared({ of }: { of: ProposedTariff }) {
  const { simulation } = of;
  if (!simulation) return <p>{outcomeText(of)}.</p>;
  return (
    <>
      <p className="hint">
        {simulation.from} to {simulation.to}, on the meters' energy and the same trades between neighbours:{" "}
        {outcomeText(of)}.
      </p>
      <Table<SimulatedMember>
        caption="What each member would have paid, who pays most more first"
        rows={simulation.members}
        rowKey={(one) => one.account}
        empty="Nobody takes part yet."
        columns={[
          { head: "Member", cell: (one) => one.pseudonym },
          { head: `Now (${simulation.currency})`, numeric: true, cell: (one) => money(one.now, 2) },
          { head: `Then (${simulation.currency})`, numeric: true, cell: (one) => money(one.draft, 2) },
          { head: "Difference", numeric: true, cell: (one) => signed(one.difference) },
        ]}
      />
    </>
  );
}

function Decision(props: {
  of: ProposedTariff;
  busy: boolean;
  decide: (how: typeof api.approveTariff, question: string) => Promise<void>;
}) {
  const { of, busy, decide } = props;
  const { party } = useUser();
  if (of.state !== "open") return null;
  if (of.asked_by === party) {
    return (
      <div className="row-actions">
        <p className="muted">Another person decides, until {utc(of.expires)}.</p>
        <button
          type="button"
          className="quiet"
          disabled={busy}
          onClick={() => void decide(api.refuseTariff, "Take this proposal back?")}
        >
          Take it back
        </button>
      </div>
    );
  }
  return (
    <div className="row-actions">
      <button type="button" disabled={busy} onClick={() => void decide(api.approveTariff, "Publish this tariff?")}>
        Publish it
      </button>
      <button
        type="button"
        className="quiet"
        disabled={busy}
        onClick={() => void decide(api.refuseTariff, "Refuse this tariff?")}
      >
        Refuse it
      </button>
    </div>
  );
}

/** Proposes a tariff that somebody brings. */
function Propose({ onProposed }: { onProposed: (id: string) => void }) {
  const [text, setText] = useState("");
  const [form, setForm] = useState<TariffForm>("sheet");
  const [day, setDay] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const wrong = [documentError(text), firstDayError(form, day)];
  const propose = () => {
    setTried(true);
    if (wrong.some((error) => error !== undefined)) return;
    void run(async () => {
      const query = form === "urdb" ? { format: form, valid_from: day } : { format: form };
      const { id } = await api.proposeTariff(text, query);
      setText("");
      setTried(false);
      onProposed(id);
      return "It is proposed. Another person publishes it.";
    });
  };
  return (
    <Card title="Propose a tariff" id="propose">
      <Form wide onSubmit={propose}>
        <SelectField label="What it is" value={form} onChange={(value) => setForm(value === "urdb" ? "urdb" : "sheet")}>
          <option value="sheet">A rate sheet</option>
          <option value="urdb">A rate of the Utility Rate Database</option>
        </SelectField>
        {form === "urdb" && (
          <TextField
            label="First day"
            type="date"
            error={tried ? wrong[1] : undefined}
            value={day}
            onChange={setDay}
          />
        )}
        <Field label="The file" hint="JSON.">
          {(attributes) => (
            <input
              {...attributes}
              type="file"
              accept=".json,application/json"
              onChange={(event) => void event.target.files?.[0]?.text().then(setText)}
            />
          )}
        </Field>
        <TextAreaField
          label="Its text"
          error={tried ? wrong[0] : undefined}
          maxLength={TARIFF_MAX}
          value={text}
          onChange={setText}
        />
        <Outcome of={outcome} />
        <button disabled={busy}>Propose it</button>
      </Form>
    </Card>
  );
}
