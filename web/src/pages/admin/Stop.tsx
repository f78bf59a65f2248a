import { useState } from "react";
import * as api from "../../api";
import { Form, TextField } from "../../fields";
import { moment } from "../../format";
import { type Loaded, useLoad } from "../../live";
import type { Market, MechanismChoice, Stop as StopView } from "../../types";
import { Badge, Card, Facts, Hash, Load, Notice } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { ZoneSelect } from "./ZoneSelect";

/** The most characters of a reason. */
const REASON_MAX = 500;
const SECOND_PERSON = "Another member of staff has to start it again: who stopped trading does not.";

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
    await work.run(() =>
      task().catch((problem: Error) => {
        const second = problem instanceof api.Problem && problem.body.code === "SECOND_PERSON";
        throw second ? new Error(SECOND_PERSON) : problem;
      }),
    );
    props.onChange();
  };
  const stop = (reason: string) =>
    run(async () => {
      await api.stopTrading(reason, zone);
      return "Trading is stopped. Open orders are cancelled.";
    });
  const start = () => {
    if (!confirm("Start trading again? Cancelled orders do not come back.")) return;
    void run(async () => {
      await api.startTrading(zone);
      return "Trading goes on.";
    });
  };
  return (
    <>
      <p className="hint">
        While it is stopped, new orders are refused and open ones are cancelled. What was traded is settled,
        reconciled and billed, and money can be withdrawn.
      </p>
      {stopped && <Stopped stop={stopped} zone={timezone} />}
      {props.mayStop && stopped && <Start stop={stopped} busy={busy} onStart={start} />}
      {props.mayStop && !stopped && <StopForm busy={busy} onStop={stop} />}
      <Outcome of={outcome} />
    </>
  );
}

function Stopped({ stop: { reason, by, since }, zone }: { stop: StopView; zone: string }) {
  const people = useLoad("people", api.parties);
  const name = people.data?.find((party) => party.party === by)?.name;
  return (
    <Facts
      items={[
        ["Since", moment(since, zone)],
        ["Reason", reason],
        ["By", name ?? <Hash key="b" value={by} />],
      ]}
    />
  );
}

/** Whoever stopped it is told that another one has to start it again. */
function Start(props: { stop: StopView; busy: boolean; onStart: () => void }) {
  const { party } = useUser();
  if (props.stop.by === party) return <Notice tone="info">{SECOND_PERSON}</Notice>;
  return (
    <div className="row-actions">
      <button type="button" className="primary" disabled={props.busy} onClick={props.onStart}>
        Start trading again
      </button>
    </div>
  );
}

function StopForm({ busy, onStop }: { busy: boolean; onStop: (reason: string) => Promise<void> }) {
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const submit = () => {
    setTried(true);
    const said = reason.trim();
    if (!said || !confirm(`Stop trading in this zone? All open orders are cancelled. Members read: ${said}`)) return;
    void onStop(said);
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
      <button type="submit" className="danger" disabled={busy}>
        Stop trading
      </button>
    </Form>
  );
}
