import { type ReactNode, useState } from "react";
import * as api from "../../api";
import { CASE_TONES, SEVERITIES, evidenceText, figureText } from "../../case";
import { Filter, Form, TextField } from "../../fields";
import { moment, utc } from "../../format";
import { useLoad } from "../../live";
import type { Case, CaseFile, CaseState } from "../../types";
import { Badge, Card, Facts, Hash, Load, Notice, Pager, Table } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";

const STATES: CaseState[] = ["open", "confirmed", "dismissed"];
/** The most characters of a reason. */
const REASON_MAX = 500;

/** What surveillance found, one case with its evidence, and the decision about it. */
export function Surveillance() {
  const [state, setState] = useState<CaseState | "">("open");
  const [trail, setTrail] = useState<string[]>([]);
  const [open, setOpen] = useState<string>();
  const cursor = trail.at(-1);
  const query = { ...(state && { state }), ...(cursor && { cursor }) };
  const cases = useLoad(`cases ${state} ${cursor ?? ""}`, () => api.cases(query), ["slot_cleared"]);
  return (
    <>
      <Card title="Cases" id="cases">
        <p className="hint">
          Each morning the day before is judged. A case is a reason to look, never a verdict, and nothing follows from
          it by itself.
        </p>
        <Filter
          id="case-state"
          label="State"
          value={state}
          onChange={(wanted) => {
            setState(wanted as CaseState | "");
            setTrail([]);
          }}
        >
          <option value="">All</option>
          {STATES.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </Filter>
        <Load of={cases}>
          {(page) => (
            <>
              <Table
                caption="Cases of surveillance, newest first"
                rows={page.items}
                rowKey={(one) => one.case}
                empty="Nothing was found."
                columns={[
                  { head: "Days", cell: (one) => (one.opened === one.last ? one.last : `${one.opened} to ${one.last}`) },
                  {
                    head: "Rule",
                    cell: (one) => (
                      <>
                        <b>{one.kind}</b> <span className="wrap">{one.title}</span>
                      </>
                    ),
                  },
                  { head: "Whom", cell: (one) => <Owners ids={one.owners} /> },
                  { head: "Severity", cell: (one) => SEVERITIES[one.severity] ?? one.severity },
                  { head: "Score", numeric: true, cell: (one) => one.score },
                  { head: "State", cell: (one) => <Badge tone={CASE_TONES[one.state]}>{one.state}</Badge> },
                  {
                    head: "Actions",
                    hideHead: true,
                    cell: (one) => (
                      <button type="button" className="small" onClick={() => setOpen(one.case)}>
                        Look<span className="sr-only"> at {one.kind}, {one.last}</span>
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
      {open && <OneCase key={open} id={open} onDecided={cases.reload} />}
    </>
  );
}

function Owners({ ids }: { ids: string[] }) {
  const people = useLoad("people", api.parties);
  return (
    <>
      {ids.map((id, place) => (
        <span key={id}>
          {place > 0 && ", "}
          {people.data?.find((party) => party.party === id)?.name ?? <Hash value={id} />}
        </span>
      ))}
    </>
  );
}

function OneCase({ id, onDecided }: { id: string; onDecided: () => void }) {
  const { roles } = useUser();
  const file = useLoad(`case ${id}`, () => api.caseFile(id));
  const market = useLoad("market", () => api.market());
  const zone = market.data?.timezone ?? "UTC";
  const mayDecide = roles.includes("operator") || roles.includes("admin");
  return (
    <Card title="Case" id="case">
      <Load of={file}>
        {(one) => (
          <>
            <Facts
              items={[
                ["Rule", `${one.kind}: ${one.title}`],
                ["Whom", <Owners key="o" ids={one.owners} />],
                ["Found", utc(one.found_at)],
                ["Figures", <Lines key="f" lines={one.figures.map(figureText)} />],
                ...decision(one),
              ]}
            />
            <Table
              caption="What it stands on, by slot"
              rows={one.evidence.map((piece, place) => ({ piece, place }))}
              rowKey={({ place }) => String(place)}
              empty="There is no evidence."
              columns={[
                { head: "Slot", cell: ({ piece }) => moment(piece.slot, zone) },
                { head: "What", cell: ({ piece }) => evidenceText(piece, zone) },
                { head: "Name", cell: ({ piece }) => <Hash value={nameOf(piece)} /> },
              ]}
            />
            {one.evidence_left_out > 0 && <p className="hint">{one.evidence_left_out} more were not kept.</p>}
            {mayDecide && one.state === "open" && (
              <Decide
                one={one}
                onDecided={() => {
                  file.reload();
                  onDecided();
                }}
              />
            )}
          </>
        )}
      </Load>
    </Card>
  );
}

function nameOf(piece: CaseFile["evidence"][number]): string {
  if (piece.kind === "order") return piece.order;
  return piece.kind === "trade" ? piece.buy_order : piece.owner;
}

function decision(one: Case): [string, ReactNode][] {
  if (one.state === "open" || !one.decided_by) return [];
  return [
    ["Decision", `${one.state}: ${one.reason ?? ""}`],
    ["Decided by", <Owners key="d" ids={[one.decided_by]} />],
    ["Decided", one.decided_at ? utc(one.decided_at) : ""],
  ];
}

function Lines({ lines }: { lines: string[] }) {
  return (
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function Decide({ one, onDecided }: { one: Case; onDecided: () => void }) {
  const { party } = useUser();
  const [reason, setReason] = useState("");
  const { busy, outcome, run } = useWork();
  if (one.owners.includes(party)) return <Notice tone="info">Whom it is about does not decide.</Notice>;
  const decide = async (how: "dismiss" | "confirm") => {
    await run(async () => {
      await api.decideCase(one.case, how, reason.trim());
    });
    onDecided();
  };
  const off = busy || !reason.trim();
  return (
    <Form wide onSubmit={() => undefined}>
      <TextField
        label="Reason"
        hint="It is kept with your name."
        required
        maxLength={REASON_MAX}
        autoComplete="off"
        value={reason}
        onChange={setReason}
      />
      <div className="row-actions">
        <button type="button" disabled={off} onClick={() => void decide("dismiss")}>
          Dismiss
        </button>
        <button type="button" className="danger" disabled={off} onClick={() => void decide("confirm")}>
          Confirm
        </button>
      </div>
      <Outcome of={outcome} />
    </Form>
  );
}
