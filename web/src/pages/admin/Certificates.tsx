import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { ISSUE_STATES } from "../../certificate";
import { Filter, SelectField } from "../../fields";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import type { SourcedPoint, Sources } from "../../types";
import { Badge, Card, Hash, Load, Pager, Standing, Table, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { PointField } from "./PointField";

/** What connection points generate from, and how far the certificates of trades are. */
export function Certificates() {
  const { roles } = useUser();
  const maySay = roles.includes("operator") || roles.includes("admin");
  const sources = useLoad("sources", api.sources, ["block", "block_removed"]);
  const { busy, outcome, run } = useWork();
  const end = async (point: SourcedPoint) => {
    if (!confirm(`End the source of ${point.connection_point}? What it delivers then is not certified.`)) return;
    const ended = await run(async () => {
      await api.endSource(point.connection_point);
    });
    if (ended) focusCard("sources");
    sources.reload();
  };
  return (
    <>
      <Card title="Sources" id="sources">
        <Outcome of={outcome} />
        <Load of={sources}>
          {({ items }) => (
            <Table
              caption="What connection points generate from"
              rows={items}
              rowKey={(point) => point.connection_point}
              empty="No connection point has a source yet. Say below what one generates from."
              columns={[
                { head: "Connection point", cell: (point) => <Hash value={point.connection_point} /> },
                { head: "Source", cell: (point) => <InForce point={point} /> },
                { head: "Since", cell: ({ source }) => (source ? utc(source.from) : "–") },
                { head: "Change", cell: (point) => <Change point={point} /> },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (point) =>
                    maySay &&
                    point.source && (
                      <button type="button" className="quiet small danger" disabled={busy} onClick={() => end(point)}>
                        End<span className="sr-only"> the source of {point.connection_point}</span>
                      </button>
                    ),
                },
              ]}
            />
          )}
        </Load>
      </Card>
      {maySay && <SaySource codes={sources.data?.codes ?? []} onSaid={sources.reload} />}
      <Issues />
    </>
  );
}

function InForce({ point: { source, ended } }: { point: SourcedPoint }) {
  if (source) return <span title={source.code}>{source.name}</span>;
  return <span className="muted">{ended[0] ? `None, ${ended[0].name} before` : "None"}</span>;
}

function Change({ point: { change } }: { point: SourcedPoint }) {
  if (!change) return <>–</>;
  const what = change.code ? `To ${change.code}` : "To none";
  return (
    <>
      <Badge tone={change.state === "sent" ? "info" : "bad"}>
        {change.state === "sent" ? `${what}, waits for a block` : `${what}, failed`}
      </Badge>
      {change.reason && <span className="muted"> {change.reason}</span>}
    </>
  );
}

function SaySource({ codes, onSaid }: { codes: Sources["codes"]; onSaid: () => void }) {
  const [point, setPoint] = useState("");
  const [code, setCode] = useState("");
  const { busy, outcome, run } = useWork();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    await run(async () => {
      await api.setSource(point, code);
      setPoint("");
      return "It counts from the next block on.";
    });
    onSaid();
  };
  return (
    <Card title="Say what a connection point generates from" id="say-source">
      <form className="form wide" onSubmit={submit}>
        <PointField value={point} onChange={setPoint} />
        <SelectField
          label="Source"
          hint="Energy of slots that have begun is not certified."
          required
          value={code}
          onChange={setCode}
        >
          <option value="">Choose one</option>
          {codes.map((one) => (
            <option key={one.code} value={one.code}>
              {one.name} ({one.code})
            </option>
          ))}
        </SelectField>
        <button type="submit" className="primary" disabled={busy}>
          Register
        </button>
      </form>
      <Outcome of={outcome} />
    </Card>
  );
}

function Issues() {
  const [refused, setRefused] = useState(false);
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const issues = useLoad(`issues ${refused} ${cursor ?? ""}`, () => api.issues(refused, cursor), ["block"]);
  return (
    <Card title="Trades to certify" id="issues">
      <Filter
        id="issue-state"
        label="Show"
        value={refused ? "refused" : ""}
        onChange={(wanted) => {
          setRefused(wanted === "refused");
          setTrail([]);
        }}
      >
        <option value="">All</option>
        <option value="refused">Refused</option>
      </Filter>
      <Load of={issues}>
        {(page) => (
          <>
            <Table
              caption="Trades that are certified or are to be, newest slot first"
              rows={page.items}
              rowKey={(issue) => issue.trade}
              empty={
                refused
                  ? "No trade was refused."
                  : "There is none yet: a trade is certified when its corrections and challenges are over."
              }
              columns={[
                { head: "Slot", cell: (issue) => utc(issue.slot) },
                {
                  head: "Trade",
                  cell: (issue) => <Hash value={issue.trade} href={`/explorer/trade/${issue.trade}`} />,
                },
                { head: "Energy (Wh)", numeric: true, cell: (issue) => count(issue.wh) },
                {
                  head: "State",
                  cell: ({ state }) => <Standing of={ISSUE_STATES[state]} />,
                },
                {
                  head: "Why",
                  cell: ({ reason, next_try }) => (
                    <span className="wrap">
                      {reason}
                      {next_try && `; again ${utc(next_try)}`}
                    </span>
                  ),
                },
              ]}
            />
            <Pager trail={trail} next={page.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}
