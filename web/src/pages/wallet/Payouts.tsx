import * as api from "../../api";
import { type Unit, labelOf } from "../../currency";
import { moment, money } from "../../format";
import { useLoad } from "../../live";
import { PAYOUT_STATES, destinationOf } from "../../payout";
import type { Payout } from "../../types";
import { Badge, Card, Load, Table, When } from "../../ui";
import { useUser } from "../../user";

/** Where a payout is, and why it goes no further. */
export function State({ payout, zone }: { payout: Payout; zone?: string | undefined }) {
  const [text, tone] = PAYOUT_STATES[payout.state];
  const until = payout.state === "withdrawing" && payout.available_at;
  return (
    <>
      <Badge tone={tone}>{text}</Badge>
      {until && <span className="muted"> until {moment(until, zone)}</span>}
      {payout.reason && <span className="muted"> {payout.reason}</span>}
    </>
  );
}

/** The payouts of the own account in a currency. */
export function Payouts({ unit, zone }: { unit: Unit; zone: string | undefined }) {
  const account = useUser().account?.account;
  const own = async () => {
    const all = account ? await api.payoutsOf(account) : [];
    return unit.sign ? all : all.filter(({ currency }) => currency === unit.code);
  };
  const payouts = useLoad(`own payouts ${unit.code}`, own, ["block", "block_removed"]);
  return (
    <Card title="Payouts" id="payouts">
      <Load of={payouts}>
        {(items) => (
          <Table
            caption="Payouts, newest first"
            rows={items}
            rowKey={(payout) => payout.id}
            empty="Nothing was paid out yet. The form above asks for it."
            columns={[
              { head: "Asked", cell: (payout) => <When at={payout.at} zone={zone} /> },
              { head: `Amount (${labelOf(unit)})`, numeric: true, cell: (payout) => money(payout.amount, 2) },
              { head: "To", cell: destinationOf },
              { head: "State", cell: (payout) => <State payout={payout} zone={zone} /> },
            ]}
          />
        )}
      </Load>
    </Card>
  );
}
