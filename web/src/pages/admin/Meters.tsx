import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import type { ConnectionPoint, EnrolledMeter, Meter, Party, ProvisioningCode } from "../../types";
import { Badge, Card, Field, Hash, Load, Notice, Table } from "../../ui";
import { Link } from "../../route";
import { MeterPage } from "./Meter";

/** The meters, or the one of `id`. */
export function Meters({ id }: { id?: string | undefined }) {
  return id ? <MeterPage id={id} /> : <AllMeters />;
}

function AllMeters() {
  const meters = useLoad("meters", api.meters);
  const [error, setError] = useState("");
  const revoke = async (meter: Meter) => {
    if (!confirm(`Revoke the key of meter ${meter.serial}? Its readings count no more.`)) return;
    setError("");
    try {
      await api.revokeMeter(meter.meter);
      meters.reload();
    } catch (problem) {
      setError((problem as Error).message);
    }
  };
  return (
    <>
      <Card title="Meters" id="meters">
        {error && <Notice tone="bad">{error}</Notice>}
        <Load of={meters}>
          {(list) => (
            <Table
              caption="Enrolled meters"
              rows={list}
              rowKey={(meter) => meter.meter}
              empty="No meter is enrolled yet."
              columns={[
                {
                  head: "Serial",
                  cell: (meter) => <Link href={`/admin/meters/${meter.meter}`}>{meter.serial}</Link>,
                },
                { head: "Connection point", cell: (meter) => <Hash value={meter.connection_point} /> },
                { head: "Key", cell: (meter) => <Hash value={meter.key} /> },
                { head: "Valid from", cell: (meter) => meter.valid_from.slice(0, 10) },
                { head: "Reporting", cell: (meter) => <Reporting id={meter.meter} now={list.length <= REPORTS_MAX} /> },
                {
                  head: "State",
                  cell: (meter) =>
                    meter.revoked_at ? (
                      <Badge tone="bad">Revoked {meter.revoked_at.slice(0, 10)}</Badge>
                    ) : (
                      <Badge tone="good">Valid</Badge>
                    ),
                },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (meter) =>
                    !meter.revoked_at && (
                      <button type="button" className="quiet small danger" onClick={() => revoke(meter)}>
                        Revoke<span className="sr-only"> meter {meter.serial}</span>
                      </button>
                    ),
                },
              ]}
            />
          )}
        </Load>
      </Card>
      <Codes />
      <Enrol onEnrolled={meters.reload} />
    </>
  );
}

/** How many meters are asked for at once; of more, each on demand. */
const REPORTS_MAX = 40;

function Reporting({ id, now }: { id: string; now: boolean }) {
  const [asked, setAsked] = useState(now);
  const status = useLoad(`status ${id} ${asked}`, async () => (asked ? api.meterStatus(id) : undefined));
  if (!asked) {
    return (
      <button type="button" className="quiet small" onClick={() => setAsked(true)}>
        Check
      </button>
    );
  }
  if (!status.data) return <>{status.error ? "unknown" : "…"}</>;
  const { last_reading, firmware, gaps, quarantined, warnings } = status.data;
  return (
    <>
      {last_reading ? utc(last_reading).slice(0, 16) : "never"}
      {firmware !== undefined && `, firmware ${firmware}`}{" "}
      {warnings.includes("CALIBRATION_EXPIRED") && <Badge tone="warn">calibration over</Badge>}{" "}
      {gaps.length > 0 && <Badge tone="warn">gaps: {count(gaps.length)}</Badge>}{" "}
      {quarantined > 0 && <Badge tone="bad">refused: {count(quarantined)}</Badge>}
    </>
  );
}

/** A one-time code, by which a meter enrols itself. */
function Codes() {
  const points = useLoad("points", api.connectionPoints);
  const people = useLoad("people", api.parties);
  const [point, setPoint] = useState("");
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<ProvisioningCode | Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      setOutcome(await api.makeCode(point));
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title="Let a meter enrol itself" id="codes">
      <p>
        The meter sends this code with its own key and a signature, once. Nobody types its key, and a new code ends the
        one before.
      </p>
      <form className="form wide" onSubmit={submit}>
        <PointField points={points.data} people={people.data} value={point} onChange={setPoint} />
        <button type="submit" className="primary" disabled={busy}>
          Make a code
        </button>
      </form>
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {outcome && !(outcome instanceof Error) && (
        <Notice tone="good">
          Shown this once, and good until {utc(outcome.expires_at).slice(0, 16)}: <Hash value={outcome.code} full />
        </Notice>
      )}
    </Card>
  );
}

function PointField(props: {
  points: ConnectionPoint[] | undefined;
  people: Party[] | undefined;
  value: string;
  onChange: (point: string) => void;
}) {
  const nameOf = (account: string) =>
    props.people?.find((party) => party.account?.account === account)?.name ?? account;
  return (
    <Field label="Connection point">
      {(attributes) => (
        <select {...attributes} required value={props.value} onChange={(event) => props.onChange(event.target.value)}>
          <option value="">Choose one</option>
          {props.points?.map((one) => (
            <option key={one.connection_point} value={one.connection_point}>
              {nameOf(one.account)}: {one.connection_point}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Enrol({ onEnrolled }: { onEnrolled: () => void }) {
  const points = useLoad("points", api.connectionPoints);
  const people = useLoad("people", api.parties);
  const [serial, setSerial] = useState("");
  const [point, setPoint] = useState("");
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<EnrolledMeter | Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setOutcome(undefined);
    try {
      setOutcome(await api.enrolMeter({ serial, connection_point: point, key }));
      setSerial("");
      setKey("");
      onEnrolled();
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title="Enrol a meter" id="enrol">
      <form className="form wide" onSubmit={submit}>
        <Field label="Serial number" hint="What is printed on it.">
          {(attributes) => (
            <input {...attributes} required value={serial} onChange={(event) => setSerial(event.target.value)} />
          )}
        </Field>
        <PointField points={points.data} people={people.data} value={point} onChange={setPoint} />
        <Field label="Address of its key" hint="The meter shows it; the key itself never leaves the meter.">
          {(attributes) => (
            <input
              {...attributes}
              required
              pattern="0x[0-9a-fA-F]{40}"
              placeholder="0x…"
              spellCheck={false}
              value={key}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="primary" disabled={busy}>
          Enrol
        </button>
      </form>
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {outcome && !(outcome instanceof Error) && (
        <Notice tone="good">
          Meter {outcome.serial} is enrolled.
          {outcome.token && (
            <>
              {" "}
              Its token for the broker, shown this once: <Hash value={outcome.token} full />
            </>
          )}
        </Notice>
      )}
    </Card>
  );
}
