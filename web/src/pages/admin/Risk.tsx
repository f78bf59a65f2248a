import { useState } from "react";
import * as api from "../../api";
import { Form, SelectField, TextField } from "../../fields";
import { count, kwh, moment, utc } from "../../format";
import { useLoad } from "../../live";
import { CONSENT_TONES, FIGURES, KINDS, figureOf, wishText } from "../../risk";
import type { Consent, Reputation, RiskLimits, Suspension } from "../../types";
import { Badge, Card, Hash, Load, Table, type Tone } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { Found } from "./Found";

const WAITS = "It waits for another member of staff to agree.";

/** Who may not trade, what takes two, and the figures by which the market stops by itself. */
export function Risk({ mayDecide }: { mayDecide: boolean }) {
  const suspensions = useLoad("suspensions", api.suspensions, ["block", "slot_cleared"]);
  const consents = useLoad(`consents ${mayDecide}`, async () => (mayDecide ? (await api.consents()).items : []), [
    "slot_cleared",
  ]);
  const limits = useLoad("risk-limits", () => api.riskLimits());
  const delivered = useLoad("reputation", () => api.reputation(), ["slot_cleared"]);
  const work = useWork();
  const { busy } = work;
  const run = async (task: () => Promise<string>) => {
    await work.run(task);
    suspensions.reload();
    consents.reload();
    limits.reload();
  };
  const resume = (one: Suspension) =>
    run(async () => ((await api.resume(one)) ? WAITS : "It may trade again. Cancelled orders do not come back."));
  return (
    <>
      <Outcome of={work.outcome} />
      {mayDecide && (
        <Card title="Waiting for a second person" id="consents">
          <p className="hint">Who asked does not agree to it. A request waits for a day.</p>
          <Load of={consents}>
            {(list) => <Consents list={list} holds={limits.data?.limits} busy={busy} run={run} />}
          </Load>
        </Card>
      )}
      <Card title="Who may not trade" id="suspensions">
        <Load of={suspensions}>
          {(list) => (
            <Table
              caption="Accounts, connection points and standing rules that are suspended"
              rows={list}
              rowKey={(one) => `${one.kind} ${one.id}`}
              empty="Everybody may trade."
              columns={[
                {
                  head: "Who",
                  cell: (one) => (
                    <>
                      {KINDS[one.kind]} <Hash value={one.id} />
                    </>
                  ),
                },
                { head: "Since", cell: (one) => utc(one.since) },
                {
                  head: "Reason",
                  cell: (one) => (
                    <>
                      <span className="wrap">{one.reason}</span>
                      {one.tripped && <Found tripped={one.tripped} zone="UTC" />}
                    </>
                  ),
                },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (one) =>
                    mayDecide && (
                      <button type="button" className="small" disabled={busy} onClick={() => void resume(one)}>
                        Let trade again<span className="sr-only">: {one.id}</span>
                      </button>
                    ),
                },
              ]}
            />
          )}
        </Load>
      </Card>
      <Card title="What sellers delivered of what they sold" id="reputation">
        <p className="hint">Newer days count more. Nothing follows from fewer than sixteen slots.</p>
        <Load of={delivered}>{(list) => <Delivered list={list.items} />}</Load>
      </Card>
      <Card title="What the market refuses, and when it stops by itself" id="risk-limits">
        <p className="hint">A stricter figure holds at once, a looser one when another member of staff agrees.</p>
        <Load of={limits}>
          {({ limits: holds }) => (
            <>
              <Table
                caption="The figures that hold"
                rows={Object.keys(FIGURES)}
                rowKey={(name) => name}
                empty="There is none."
                columns={[
                  { head: "What", cell: (name) => FIGURES[name] },
                  { head: "At most", numeric: true, cell: (name) => figureOf(holds, name) },
                ]}
              />
              {mayDecide && <LimitForm holds={holds} busy={busy} run={run} />}
            </>
          )}
        </Load>
      </Card>
    </>
  );
}

/** What follows from what an account delivered. */
function follows({ known, covers_all, suspended }: Reputation): [text: string, tone: Tone] {
  if (suspended) return ["Sells no more", "bad"];
  if (covers_all) return ["Holds all", "warn"];
  return known ? ["Nothing", "good"] : ["Not known yet", "quiet"];
}

function Delivered({ list }: { list: Reputation[] }) {
  return (
    <Table
      caption="By account, of the last 90 days"
      rows={list}
      rowKey={(one) => one.account}
      empty="Nothing that was sold was delivered yet."
      columns={[
        { head: "Account", cell: (one) => <Hash value={one.account} /> },
        { head: "Sold, kWh", numeric: true, cell: (one) => kwh(one.sold_wh) },
        { head: "Delivered, kWh", numeric: true, cell: (one) => kwh(one.delivered_wh) },
        { head: "Part", numeric: true, cell: (one) => `${(one.delivered_ppm / 10_000).toFixed(1)} %` },
        { head: "Slots", numeric: true, cell: (one) => count(one.slots) },
        {
          head: "What follows",
          cell: (one) => {
            const [text, tone] = follows(one);
            return <Badge tone={tone}>{text}</Badge>;
          },
        },
      ]}
    />
  );
}

interface Runs {
  busy: boolean;
  run: (task: () => Promise<string>) => Promise<void>;
}

function Consents(props: Runs & { list: Consent[]; holds: RiskLimits | undefined }) {
  const { busy } = props;
  const { party } = useUser();
  const people = useLoad("people", api.parties);
  const nameOf = (id: string) => people.data?.find((one) => one.party === id)?.name ?? <Hash value={id} />;
  const decide = (item: Consent, given: boolean) => {
    const what = wishText(item, props.holds);
    if (!confirm(`${given ? "Agree" : "Refuse"}: ${what}?`)) return;
    void props.run(async () => {
      await (given ? api.giveConsent : api.refuseConsent)(item.consent);
      return given ? "It is done." : "It was refused.";
    });
  };
  return (
    <Table
      caption="What takes two of the staff, newest first"
      rows={props.list}
      rowKey={(item) => `${item.zone} ${item.consent}`}
      empty="Nobody has asked for anything."
      columns={[
        { head: "Asked", cell: (item) => moment(item.asked_at, "UTC") },
        { head: "By", cell: (item) => nameOf(item.asked_by) },
        { head: "What", cell: (item) => <span className="wrap">{wishText(item, props.holds)}</span> },
        { head: "State", cell: (item) => <Badge tone={CONSENT_TONES[item.state]}>{item.state}</Badge> },
        { head: "Decided by", cell: (item) => (item.decided_by ? nameOf(item.decided_by) : "–") },
        {
          head: "Actions",
          hideHead: true,
          cell: (item) =>
            item.state === "open" && (
              <>
                {item.asked_by !== party && (
                  <button type="button" className="small" disabled={busy} onClick={() => decide(item, true)}>
                    Agree<span className="sr-only"> to: {wishText(item)}</span>
                  </button>
                )}{" "}
                <button
                  type="button"
                  className="quiet small danger"
                  disabled={busy}
                  onClick={() => decide(item, false)}
                >
                  {item.asked_by === party ? "Take back" : "Refuse"}
                  <span className="sr-only">: {wishText(item)}</span>
                </button>
              </>
            ),
        },
      ]}
    />
  );
}

function LimitForm(props: Runs & { holds: RiskLimits }) {
  const [name, setName] = useState(Object.keys(FIGURES)[0] ?? "");
  const [figure, setFigure] = useState("");
  const wrong = /^[0-9]*$/.test(figure) ? undefined : "Digits only, or nothing for no limit.";
  const submit = () => {
    if (wrong) return;
    const limits = { ...props.holds, [name]: figure === "" ? null : Number(figure) };
    void props.run(async () => ((await api.setRiskLimits(limits)) ? WAITS : "It is in force."));
  };
  return (
    <Form wide onSubmit={submit}>
      <SelectField label="Limit" value={name} onChange={setName}>
        {Object.keys(FIGURES).map((one) => (
          <option key={one} value={one}>
            {FIGURES[one]}
          </option>
        ))}
      </SelectField>
      <TextField
        label="At most"
        hint="Empty: no limit."
        error={wrong}
        inputMode="numeric"
        autoComplete="off"
        value={figure}
        onChange={setFigure}
      />
      <button type="submit" className="primary" disabled={props.busy}>
        Set the limit
      </button>
    </Form>
  );
}
