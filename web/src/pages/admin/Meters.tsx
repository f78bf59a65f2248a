import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { TextField } from "../../fields";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import type { EnrolledMeter, Meter, ProvisioningCode } from "../../types";
import { Badge, Card, Hash, Load, Table, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";
import { MeterPage } from "./Meter";
import { PointField } from "./PointField";

/** The meters, or the one of `id`. */
export function Meters({ id }: { id?: string | undefined }) {
  return id ? <MeterPage id={id} /> : <AllMeters />;
}

function AllMeters() {
  const meters = useLoad("meters", api.meters);
  const { busy, outcome, run } = useWork();
  const revoke = (meter: Meter) => {
    if (!confirm(`Revoke the key of meter ${meter.serial}? Its readings count no more.`)) return;
    void run(async () => {
      await api.revokeMeter(meter.meter);
      meters.reload();
      focusCard("meters");
    });
  };
  return (
    <>
      <Card title="Meters" id="meters">
        <Outcome of={outcome} />
        <Load of={meters}>
          {(list) => (
            <Table
              caption="Enrolled meters"
              rows={list}
              rowKey={(meter) => meter.meter}
              empty="No meter is enrolled yet. Enrol the first one below."
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
                      <button type="button" className="quiet small danger" disabled={busy} onClick={() => revoke(meter)}>
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
  const [point, setPoint] = useState("");
  const { busy, outcome, run } = useWork<ProvisioningCode>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => api.makeCode(point));
  };
  return (
    <Card title="Let a meter enrol itself" id="codes">
      <p>
        The meter sends this code with its own key and a signature, once. Nobody types its key, and a new code ends the
        one before.
      </p>
      <form className="form wide" onSubmit={submit}>
        <PointField value={point} onChange={setPoint} />
        <button type="submit" className="primary" disabled={busy}>
          Make a code
        </button>
      </form>
      <Outcome of={outcome}>
        {({ code, expires_at }) => (
          <>
            Shown this once, and good until {utc(expires_at).slice(0, 16)}: <Hash value={code} full />
          </>
        )}
      </Outcome>
    </Card>
  );
}

function Enrol({ onEnrolled }: { onEnrolled: () => void }) {
  const [serial, setSerial] = useState("");
  const [point, setPoint] = useState("");
  const [key, setKey] = useState("");
  const { busy, outcome, run } = useWork<EnrolledMeter>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const enrolled = await api.enrolMeter({ serial, connection_point: point, key });
      setSerial("");
      setKey("");
      onEnrolled();
      return enrolled;
    });
  };
  return (
    <Card title="Enrol a meter" id="enrol">
      <form className="form wide" onSubmit={submit}>
        <TextField label="Serial number" hint="What is printed on it." required value={serial} onChange={setSerial} />
        <PointField value={point} onChange={setPoint} />
        <TextField
          label="Address of its key"
          hint="The meter shows it; the key itself never leaves the meter."
          required
          pattern="0x[0-9a-fA-F]{40}"
          placeholder="0x…"
          spellCheck={false}
          value={key}
          onChange={setKey}
        />
        <button type="submit" className="primary" disabled={busy}>
          Enrol
        </button>
      </form>
      <Outcome of={outcome}>
        {({ serial: enrolled, token }) => (
          <>
            Meter {enrolled} is enrolled.
            {token && (
              <>
                {" "}
                Its token for the broker, shown this once: <Hash value={token} full />
              </>
            )}
          </>
        )}
      </Outcome>
    </Card>
  );
}
