import { useEffect, useState } from "react";
import * as api from "../../api";
import { timeLeft } from "../../challenge";
import { utc } from "../../format";
import { useLoad } from "../../live";
import type { RoleChange } from "../../types";
import { Address, Badge, Card, Hash, Load, Table } from "../../ui";

/** Between two looks at the clock. */
const TICK_MS = 15_000;

/** Who will get and lose rights over the contracts, before it can happen. */
export function RoleChanges() {
  const changes = useLoad("role changes", api.roleChanges, ["block", "block_removed"]);
  const now = useChainNow();
  return (
    <Card title="Rights over the contracts" id="role-changes">
      <p>
        Nobody gets or loses a right at once: the timelock announces it here, and only after its delay can it happen.
        Whoever does not like what comes can leave with their money before.
      </p>
      <Load of={changes}>
        {(page) => (
          <Table
            caption="Announced changes, newest first"
            rows={page.items}
            rowKey={(change) => `${change.transaction} ${change.operation} ${change.position}`}
            empty="No change was announced since the beginning."
            columns={[
              {
                head: "Announced",
                cell: (change) => <time dateTime={change.announced_at}>{utc(change.announced_at)}</time>,
              },
              { head: "What", cell: (change) => <What change={change} /> },
              { head: "Contract", cell: (change) => change.contract ?? <Hash value={change.contract_address} /> },
              { head: "When", cell: (change) => <When change={change} now={now} /> },
              {
                head: "Transaction",
                cell: (change) => <Hash value={change.transaction} href={`/explorer/tx/${change.transaction}`} />,
              },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}

function What({ change }: { change: RoleChange }) {
  const account = change.account && <Address value={change.account} />;
  if (change.kind === "grant") return <>{account} gets {roleName(change)}</>;
  if (change.kind === "revoke") return <>{account} loses {roleName(change)}</>;
  if (change.kind === "delay") return <>Later changes wait {change.new_delay_seconds} s</>;
  return <>A call that is none of these: <Hash value={change.data} /></>;
}

function roleName({ role }: RoleChange) {
  return role?.startsWith("0x") ? <Hash value={role} /> : <code>{role}</code>;
}

function When({ change, now }: { change: RoleChange; now: number }) {
  if (change.state === "done") return <Badge tone="quiet">Happened {utc(change.ended_at ?? change.ready_at)}</Badge>;
  if (change.state === "cancelled") return <Badge tone="good">Taken back</Badge>;
  const left = timeLeft(change.ready_at, now);
  return (
    <>
      <Badge tone={left ? "warn" : "bad"}>{left ? `In ${left}` : "Can happen at any time"}</Badge>{" "}
      <time className="muted" dateTime={change.ready_at}>
        {left && utc(change.ready_at)}
      </time>
    </>
  );
}

/** The chain's time: a demonstration's can be ahead of the clock on the wall. */
function useChainNow(): number {
  const blocks = useLoad("newest block", () => api.blocks(), ["block"]);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const newest = blocks.data?.items[0]?.timestamp;
  return newest ? Math.max(now, Date.parse(newest)) : now;
}
