import { useState } from "react";
import * as api from "../../api";
import { Form, TextField } from "../../fields";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import type { CheckedDay, MeterDescription, MeterFinding, MeterStatus } from "../../types";
import { Badge, Card, Facts, Field, Hash, Load, Notice, Table } from "../../ui";
import { Outcome, useWork } from "../../work";

const WARNINGS: Record<string, string> = {
  CALIBRATION_EXPIRED: "Its calibration is over. Its readings are taken, and flagged.",
  PAGES_MISSING: "Pages of it never came.",
  QUARANTINED: "Some of its messages were not believed.",
};

const TONES = { warn: "quiet", flag: "warn", fail: "bad" } as const;

/** How one meter is doing, what staff says of it, and what the rules find. */
export function MeterPage({ id }: { id: string }) {
  const status = useLoad(`status ${id}`, () => api.meterStatus(id));
  const checks = useLoad(`checks ${id}`, () => api.meterChecks(id));
  return (
    <>
      <p>
        <Link href="/admin/meters">All meters</Link>
      </p>
      <Load of={status}>
        {(meter) => (
          <>
            <State meter={meter} />
            <Description key={JSON.stringify(meter.description)} meter={meter} onSaved={status.reload} />
          </>
        )}
      </Load>
      <Load of={checks}>{(page) => <Checks days={page.items} />}</Load>
      <Files id={id} />
    </>
  );
}

function State({ meter }: { meter: MeterStatus }) {
  const moment = (text: string | undefined) => (text ? utc(text).slice(0, 16) : "never");
  return (
    <Card title={`Meter ${meter.serial}`} id="meter">
      {meter.revoked_at && <Notice tone="bad">Revoked {moment(meter.revoked_at)}: its readings count no more.</Notice>}
      {meter.warnings.map((warning) => (
        <Notice key={warning} tone="warn">
          {WARNINGS[warning] ?? warning}
        </Notice>
      ))}
      <Facts
        items={[
          ["Meter", <Hash key="meter" value={meter.meter} />],
          ["Connection point", <Hash key="point" value={meter.connection_point} />],
          ["Valid from", moment(meter.valid_from)],
          ["Last seen", moment(meter.last_seen)],
          ["Last reading", moment(meter.last_reading)],
          ["Firmware", meter.firmware ?? "–"],
          ["Calibrated until", meter.description?.calibrated_until ?? "not said"],
          ["Pages", count(meter.pages)],
          ["Gaps", count(meter.gaps.length)],
          ["Not believed", count(meter.quarantined)],
        ]}
      />
    </Card>
  );
}

function Description({ meter, onSaved }: { meter: MeterStatus; onSaved: () => void }) {
  const said = meter.description;
  const [until, setUntil] = useState(said?.calibrated_until ?? "");
  const [power, setPower] = useState(said?.modules_w?.toString() ?? "");
  const [storage, setStorage] = useState(said?.storage ?? false);
  const { busy, outcome, run } = useWork();
  const wrong = /^[0-9]{0,10}$/.test(power) ? undefined : "Whole watts, in digits.";
  const submit = () => {
    if (wrong) return;
    const next: MeterDescription = { storage };
    if (said?.latitude !== undefined) next.latitude = said.latitude;
    if (said?.longitude !== undefined) next.longitude = said.longitude;
    if (until) next.calibrated_until = until;
    if (power) next.modules_w = Number(power);
    void run(async () => {
      await api.describeMeter(meter.meter, next);
      onSaved();
    });
  };
  return (
    <Card title="What is known of it" id="description">
      <Form wide onSubmit={submit}>
        <TextField
          label="Calibrated until"
          hint="The last day on which its calibration counts."
          type="date"
          value={until}
          onChange={setUntil}
        />
        <TextField
          label="PV modules there"
          hint="Rated power in watts; empty without."
          error={wrong}
          inputMode="numeric"
          value={power}
          onChange={setPower}
        />
        <Field label="Feeds in without the sun" hint="A battery, a car, an engine.">
          {(attributes) => (
            <input
              {...attributes}
              type="checkbox"
              checked={storage}
              onChange={(event) => setStorage(event.target.checked)}
            />
          )}
        </Field>
        <button type="submit" className="primary" disabled={busy}>
          Save
        </button>
      </Form>
      <Outcome of={outcome} />
    </Card>
  );
}

function Checks({ days }: { days: CheckedDay[] }) {
  return (
    <Card title="What the rules find" id="checks">
      <p>They change no reading. What they take for slots that were not measured stands beside what is billed.</p>
      <Table
        caption="Checked days"
        rows={days}
        rowKey={(day) => day.day}
        empty="No day of this meter is over yet."
        columns={[
          { head: "Day", cell: (day) => day.day },
          { head: "Measured", cell: (day) => `${count(day.measured)} of ${count(day.slots)}` },
          { head: "Shared out", cell: (day) => count(day.substituted) },
          { head: "Missing", cell: (day) => count(day.missing) },
          { head: "Estimates", cell: (day) => count(day.estimates.length) },
          { head: "Findings", cell: (day) => <Findings all={day.findings} /> },
        ]}
      />
    </Card>
  );
}

function Findings({ all }: { all: MeterFinding[] }) {
  if (!all.length) return <>none</>;
  return (
    <>
      {all.map((finding) => {
        const values = Object.entries(finding.evidence).map(([name, value]) => `${name} ${value}`);
        return (
          <span key={`${finding.code} ${finding.channel} ${finding.from}`} title={values.join(", ")}>
            <Badge tone={TONES[finding.action]}>
              {finding.rule} {finding.code} {finding.channel}
            </Badge>{" "}
          </span>
        );
      })}
    </>
  );
}

function Files({ id }: { id: string }) {
  const files = useLoad(`files ${id}`, () => api.meterFiles(id));
  return (
    <Card title="Files of the utility" id="files">
      <p>What they say is not signed: it is kept beside the readings, and no bill rests on it.</p>
      <Load of={files}>
        {(page) => (
          <Table
            caption="Files"
            rows={page.items}
            rowKey={(file) => file.file}
            empty="No file was sent for this meter."
            columns={[
              { head: "Received", cell: (file) => utc(file.received_at).slice(0, 16) },
              { head: "Format", cell: (file) => file.format },
              { head: "Name in it", cell: (file) => file.name },
              { head: "Intervals", cell: (file) => count(file.intervals) },
              { head: "Rejected", cell: (file) => count(file.rejected) },
              {
                head: "State",
                cell: (file) => (
                  <Badge tone={file.state === "done" ? "good" : "bad"}>{file.refusal ?? file.state}</Badge>
                ),
              },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}
