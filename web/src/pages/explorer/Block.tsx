import type { ReactNode } from "react";
import * as api from "../../api";
import { count, short, utc } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import type { BlockDetail, Work } from "../../types";
import { Address, Badge, Card, Empty, Facts, Hash, Load, Notice } from "../../ui";
import { Events } from "./Events";
import { Result } from "./Lists";

export function BlockView({ id }: { id: string }) {
  const block = useLoad(`block ${id}`, () => api.block(id), ["block_removed"]);
  return (
    <Load of={block}>
      {(data) => (
        <>
          <Summary block={data} />
          <ProofOfWork work={data.work} />
          <Transactions block={data} />
        </>
      )}
    </Load>
  );
}

function Summary({ block }: { block: BlockDetail }) {
  return (
    <Card
      title={`Block ${block.number}`}
      id="block"
      aside={
        <span className="pager">
          {block.number > 0 && <Link href={`/explorer/block/${block.number - 1}`}>‹ Before</Link>}
          <Link href={`/explorer/block/${block.number + 1}`}>After ›</Link>
        </span>
      }
    >
      <Facts
        items={[
          ["Hash", <Hash key="h" value={block.hash} full />],
          ["Parent", <Hash key="p" value={block.parent} href={`/explorer/block/${block.parent}`} full />],
          ["Time", utc(block.timestamp)],
          [
            "State",
            <Badge key="s" tone={block.finalized ? "good" : "quiet"}>
              {block.finalized ? "Final: can no longer be undone" : "Confirmed, not final yet"}
            </Badge>,
          ],
          ["Transactions", count(block.transaction_count)],
          ["Gas used", block.work ? `${count(block.gas_used)} of ${count(block.work.gas_limit)}` : count(block.gas_used)],
          ...(block.work
            ? ([
                ["Miner", <Address key="m" value={block.work.miner} full />],
                ["Base fee", `${count(block.work.base_fee_per_gas)} wei per gas`],
                ["State root", <Hash key="sr" value={block.work.state_root} full />],
                ["Transactions root", <Hash key="tr" value={block.work.transactions_root} full />],
                ["Receipts root", <Hash key="rr" value={block.work.receipts_root} full />],
                ["History root", <Hash key="hr" value={block.work.history_root} full />],
              ] as [string, ReactNode][])
            : []),
        ]}
      />
    </Card>
  );
}

/** The leading zero digits of two hashes, marked, so that the eye can compare them. */
function Compared({ value, zeros }: { value: string; zeros: number }) {
  return (
    <code className="compared">
      0x<b>{value.slice(2, 2 + zeros)}</b>
      {value.slice(2 + zeros)}
    </code>
  );
}

function leadingZeros(hash: string): number {
  return /^0x(0*)/.exec(hash)?.[1]?.length ?? 0;
}

function Step(props: { title: string; text: string; ok?: boolean; children: ReactNode }) {
  return (
    <li className={props.ok === undefined ? "" : props.ok ? "ok" : "failed"}>
      <h3>
        {props.title}
        {props.ok !== undefined && (
          <Badge tone={props.ok ? "good" : "bad"}>{props.ok ? "✓ holds" : "✗ fails"}</Badge>
        )}
      </h3>
      <p className="hint">{props.text}</p>
      {props.children}
    </li>
  );
}

function ProofOfWork({ work }: { work: Work | undefined }) {
  if (!work) {
    return (
      <Card title="Proof of work">
        <Notice tone="info">No node shows the header at the moment. Load the page again later.</Notice>
      </Card>
    );
  }
  const zeros = leadingZeros(work.target);
  return (
    <Card
      title="Proof of work"
      id="work"
      aside={
        <Badge tone={work.hash_matches && work.difficulty_met ? "good" : "bad"}>
          {work.hash_matches && work.difficulty_met ? "Recomputed and valid" : "Not valid"}
        </Badge>
      }
    >
      <ol className="steps">
        <Step
          title="Seal hash"
          text="SHA-256 over the candidate's header without a nonce: what the miner works on."
        >
          <code className="compared">{work.seal_hash}</code>
        </Step>
        <Step title="Nonce" text="Found by trying one number after another.">
          <code className="compared">{work.nonce}</code>
        </Step>
        <Step
          title="Hash check"
          text="SHA-256 twice over seal hash and nonce gives the work hash; keccak-256 over the whole header gives the block's hash."
          ok={work.hash_matches}
        >
          <Compared value={work.pow_hash} zeros={zeros} />
        </Step>
        <Step
          title="Difficulty check"
          text={`The work hash must not exceed the target. At difficulty ${count(work.difficulty)} that takes so many tries on average.`}
          ok={work.difficulty_met}
        >
          <div className="versus">
            <span>work hash</span>
            <Compared value={work.pow_hash} zeros={zeros} />
            <span>≤ target</span>
            <Compared value={work.target} zeros={zeros} />
          </div>
        </Step>
      </ol>
    </Card>
  );
}

function Transactions({ block }: { block: BlockDetail }) {
  return (
    <Card title="Transactions and events" id="block-transactions">
      {!block.transactions.length && <Empty>This block has no transactions: it keeps the chain's pace.</Empty>}
      {block.transactions.map((tx) => (
        <details key={tx.hash} className="tx" open={block.transactions.length <= 3}>
          <summary>
            <Result success={tx.success} />
            <code>{short(tx.hash)}</code>
            <span className="tx-what">{namesOf(tx.events)}</span>
            <span className="tx-gas">{count(tx.gas_used)} gas</span>
          </summary>
          <p className="tx-link">
            Transaction <Hash value={tx.hash} href={`/explorer/tx/${tx.hash}`} />
          </p>
          <Events events={tx.events} />
        </details>
      ))}
    </Card>
  );
}

/** "TradeCreated × 3, SlotCleared". */
function namesOf(events: { name?: string }[]): string {
  const counts = new Map<string, number>();
  for (const event of events) {
    const name = event.name ?? "other event";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, n]) => (n > 1 ? `${name} × ${n}` : name)).join(", ") || "no events";
}
