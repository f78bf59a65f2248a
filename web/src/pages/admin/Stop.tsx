import { useState } from "react";
import * as api from "../../api";
import { Form, SelectField, TextField } from "../../fields";
import { moment } from "../../format";
import { type Loaded, useLoad } from "../../live";
import type { Market, MechanismChoice, StopWhere, Stop as StopView } from "../../types";
import { Badge, Card, Facts, Hash, Load } from "../../ui";
import { Outcome, useWork } from "../../work";
import { Found } from "./Found";
import { ZoneSelect } from "./ZoneSelect";

/** The most characters of a reason. */
const REASON_MAX = 500;
const SECOND_PERSON = "Another member of staff has to agree, under “Waiting for a second person”.";

/** The switch that stops trading in a zone, and starts it again. */
export function Stop({ choices, mayStop }: { choices: Loaded<MechanismChoice[]>; mayStop: boolean }) {
  const zones = [...new Set(choices.data?.map((choice) => choice.zone))];
  const [wanted, setWanted] = useState("");
  const zone = zones.includes(wanted) ? wanted : undefined;
  const market = useLoad(`market ${zone ?? ""}`, () => api.market(zone), ["block", "slot_cleared"]);
  return (
    <Card
      title="Trading"
      id="stop"
      aside={
        market.data &&
        (market.data.stopped ? <Badge tone="bad">Stopped</Badge> : <Badge tone="good">Goes on</Badge>)
      }
    >
      <ZoneSelect id="stop-zone" zones={zones} zone={zone ?? market.data?.zone} onChange={setWanted} />
      <Load of={market}>
        {(settings) => (
          <Switch key={settings.zone} market={settings} mayStop={mayStop} onChange={market.reload} />
        )}
      </Load>
    </Card>
  );
}

function Switch(props: { market: Market; mayStop: boolean; onChange: () => void }) {
  const { stopped, timezone, zone } = props.market;
  const work = useWork();
  const { busy, outcome } = work;
  const run = async (task: () => Promise<string>) => {
    await work.run(task);
    props.onChange();
  };
  const stop = (reason: string, all: boolean) =>
    run(async () => {
      await api.stopTrading(reason, where(all, zone));
      return "Trading is stopped. Open orders are cancelled.";
    });
  const start = () => {
    const all = stopped?.scope === "global";
    const what = all ? "Start trading again in all zones" : "Start trading again";
    if (!confirm(`${what}? It takes two. Cancelled orders do not come back.`)) return;
    void run(async () => {
      return (await api.startTrading(where(all, zone))) ? SECOND_PERSON : "Trading goes on.";
    });
  };
  return (
    <>
      <p className="hint">
        While it is stopped, new orders are refused and open ones are cancelled. What was traded is settled,
        reconciled and billed, and money can be withdrawn.
      </p>
      {stopped && <Stopped stop={stopped} zone={timezone} />}
      {props.mayStop && stopped && <Start busy={busy} onStart={start} />}
      {props.mayStop && !stopped && <StopForm busy={busy} onStop={stop} />}
      <Outcome of={outcome} />
    </>
  );
}

/** A stop of all zones names none of them. */
const where = (all: boolean, zone: string): StopWhere => (all ? { scope: "global" } : { zone });

function Stopped({ stop: { reason, by, since, scope, tripped }, zone }: { stop: StopView; zone: string }) {
  const people = useLoad("people", api.parties);
  const name = people.data?.find((party) => party.party === by)?.name;
  return (
    <>
      <Facts
        items={[
          ["Since", moment(since, zone)],
          ["Where", scope === "global" ? "All zones" : "This zone"],
          ["Reason", reason],
          ["By", tripped ? "The market itself" : (name ?? <Hash key="b" value={by} />)],
        ]}
      />
      {tripped && <Found tripped={tripped} zone={zone} />}
    </>
  );
}

/** It takes two, whoever or whatever stopped it. */
function Start(props: { busy: boolean; onStart: () => void }) {
  return (
    <div className="row-actions">
      <button type="button" className="primary" disabled={props.busy} onClick={props.onStart}>
        Ask to start trading again
      </button>
    </div>
  );
}

function StopForm({ busy, onStop }: { busy: boolean; onStop: (reason: string, all: boolean) => Promise<void> }) {
  const [reason, setReason] = useState("");
  const [all, setAll] = useState(false);
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    const said = reason.trim();
    const what = all ? "in all zones" : "in this zone";
    if (!said || !confirm(`Stop trading ${what}? All open orders are cancelled. Members read: ${said}`)) return;
    void onStop(said, all);
  };
  return (
    <Form wide onSubmit={submit}>
      <TextField
        label="Reason"
        hint="Members read it."
        error={tried && !reason.trim() ? "Say why: members read it." : undefined}
        required
        maxLength={REASON_MAX}
        autoComplete="off"
        value={reason}
        onChange={setReason}
      />
      <SelectField label="Where" value={all ? "global" : "zone"} onChange={(scope) => setAll(scope === "global")}>
        <option value="zone">This zone</option>
        <option value="global">All zones</option>
      </SelectField>
      <button type="submit" className="danger" disabled={busy}>
        Stop trading
      </button>
    </Form>
  );
}
