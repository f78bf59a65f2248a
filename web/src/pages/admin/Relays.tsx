import { useState } from "react";
import * as api from "../../api";
import { Filter } from "../../fields";
import { count, gwei } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import type { QueuedTransaction, RelayQueue, RelayStatus } from "../../types";
import { Badge, Card, Hash, Load, Pager, Table, type Tone } from "../../ui";

const STATUSES: Record<RelayStatus, [Tone, string]> = {
  pending: ["warn", "Waiting"],
  confirmed: ["info", "Confirmed"],
  final: ["good", "Final"],
  reverted: ["bad", "Reverted"],
};

const TITLES: Record<(typeof api.RELAYS)[number], string> = {
  market: "Market: clearing and settlement",
  billing: "Billing: money and documents",
  metering: "Metering: anchors and keys of meters",
};

/** What services send to the chain: what waits, what was offered for it, what became of it. */
export function Relays() {
  const [status, setStatus] = useState<RelayStatus | "">("");
  return (
    <>
      <p className="hint">
        The services pay for these transactions, so that members need no gas. What stays out of blocks is signed again
        with the same nonce and more to pay: whichever attempt a block has, it is executed once.
      </p>
      <Filter id="relay-status" label="Show" value={status} onChange={(wanted) => setStatus(wanted as RelayStatus | "")}>
        <option value="">All</option>
        {Object.entries(STATUSES).map(([name, [, text]]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </Filter>
      {api.RELAYS.map((service) => (
        <Relay key={`${service} ${status}`} service={service} status={status || undefined} />
      ))}
    </>
  );
}

function Relay(props: { service: (typeof api.RELAYS)[number]; status: RelayStatus | undefined }) {
  const { service, status } = props;
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const load = () => api.relay(service, status, cursor);
  const news = cursor ? [] : (["block", "block_removed"] as const);
  const queue = useLoad(`relay ${service} ${status ?? ""} ${cursor ?? ""}`, load, [...news]);
  return (
    <Card title={TITLES[service]} id={`relay-${service}`} aside={queue.data && <Waiting queue={queue.data} />}>
      <Load of={queue}>
        {(data) => (
          <>
            <Table
              caption={`Transactions of the ${service} service, newest first`}
              rows={data.items}
              rowKey={(item) => item.cause}
              empty={status ? "None stands so." : "Nothing was sent yet."}
              columns={[
                { head: "Nonce", numeric: true, cell: (item) => count(item.nonce) },
                { head: "Cause", cell: (item) => <Cause text={item.cause} /> },
                { head: "State", cell: (item) => <State item={item} /> },
                {
                  head: "Block",
                  numeric: true,
                  cell: (item) =>
                    item.block === undefined ? "–" : <Link href={`/explorer/block/${item.block}`}>{item.block}</Link>,
                },
                {
                  head: "Waited (blocks)",
                  numeric: true,
                  cell: (item) => (item.waited_blocks === undefined ? "–" : count(item.waited_blocks)),
                },
                { head: "Attempts", cell: (item) => <Attempts item={item} /> },
              ]}
            />
            <Pager trail={trail} next={data.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}

function Waiting({ queue }: { queue: RelayQueue }) {
  if (!queue.pending) return <Badge tone="good">Nothing waits</Badge>;
  const blocks = queue.waited_blocks_max;
  return (
    <>
      <Badge tone="warn">{count(queue.pending)} waiting</Badge>
      {blocks !== undefined && <Badge tone="warn">oldest for {count(blocks)} blocks</Badge>}
    </>
  );
}

function State({ item }: { item: QueuedTransaction }) {
  const [tone, text] = STATUSES[item.status];
  const open = item.status === "reverted" && !item.final;
  return <Badge tone={tone}>{open ? `${text}, not final` : text}</Badge>;
}

/** The first and the last part tell most: identifiers are in between. */
function Cause({ text }: { text: string }) {
  const parts = text.split("/").map((part) => (part.length > 24 ? `${part.slice(0, 8)}…` : part));
  return <code title={text}>{parts.join("/")}</code>;
}

function Attempts({ item }: { item: QueuedTransaction }) {
  const { attempts, hash, nonce } = item;
  if (!attempts.length) return <span className="muted">not signed yet</span>;
  return (
    <details className="attempts">
      <summary>
        {count(attempts.length)}
        <span className="sr-only"> for nonce {nonce}</span>
      </summary>
      <ol>
        {attempts.map((attempt) => (
          <li key={attempt.hash}>
            <Hash value={attempt.hash} {...(attempt.hash === hash ? { href: `/explorer/tx/${hash}` } : {})} />{" "}
            {gwei(attempt.max_fee_per_gas)} gwei at most, tip {gwei(attempt.max_priority_fee_per_gas)}{" "}
            {attempt.hash === hash && <Badge tone="good">in the block</Badge>}
          </li>
        ))}
      </ol>
    </details>
  );
}
