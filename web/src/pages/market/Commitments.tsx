import * as api from "../../api";
import { moment } from "../../format";
import { useLoad } from "../../live";
import { standingOf, subjectOf } from "../../sealing";
import type { Commitment, Market } from "../../types";
import { Badge, Card, Table, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";

/** The sealed orders of one's own; nothing where there are none. */
export function Commitments({ market, placed }: { market: Market; placed: number }) {
  const list = useLoad(`commitments ${placed}`, () => api.ownCommitments(), ["block", "slot_cleared"]);
  const { busy, outcome, run } = useWork();
  const items = list.data?.items ?? [];
  if (!items.length) return null;
  const withdraw = async (commitment: Commitment) => {
    await run(async () => {
      await api.withdrawCommitment(commitment.commitment);
      return "The sealed order is taken back.";
    });
    list.reload();
    focusCard("sealed");
  };
  return (
    <Card title="Your sealed orders" id="sealed">
      <Table
        caption="Your sealed orders, the newest slot first"
        rows={items}
        rowKey={(one) => one.commitment}
        empty="You have no sealed order."
        columns={[
          { head: "Slot", cell: (one) => moment(one.slot, market.timezone) },
          { head: "Order", cell: subjectOf },
          {
            head: "Status",
            cell: (one) => <Badge tone={standingOf(one)[0]}>{standingOf(one)[1]}</Badge>,
          },
          {
            head: "Actions",
            hideHead: true,
            cell: (one) =>
              one.status === "waiting" &&
              !one.opened_until && (
                <button type="button" className="quiet small" disabled={busy} onClick={() => withdraw(one)}>
                  Take back
                  <span className="sr-only"> the sealed order for {moment(one.slot, market.timezone)}</span>
                </button>
              ),
          },
        ]}
      />
      <Outcome of={outcome} />
    </Card>
  );
}
