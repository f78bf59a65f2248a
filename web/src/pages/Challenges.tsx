import { useState } from "react";
import * as api from "../api";
import { kwh, money, moment } from "../format";
import { useLoad } from "../live";
import type { TradeChallenge } from "../types";
import { Address, Badge, Card, Hash, Load, Page, Pager, Table, type Tone, When } from "../ui";
import { Check } from "./challenges/Check";

/** All challenges, or one trade held against its registers. */
export function Challenges({ path }: { path: string }) {
  const trade = decodeURIComponent((path.split("?")[0] ?? "").split("/")[2] ?? "");
  return (
    <Page
      name="challenges"
      title={trade ? "Check and challenge" : "Challenges"}
      lead={
        trade
          ? "What both meters signed at the ends of the slot, against what was reconciled of the trade."
          : "Whoever shows two signed registers has what was reconciled above them taken back, by the contract alone."
      }
    >
      {trade ? <Check trade={trade} /> : <List />}
    </Page>
  );
}

const STATES: Record<TradeChallenge["state"], [string, Tone]> = {
  sent: ["On its way", "info"],
  failed: ["Refused by the contract", "bad"],
  cut: ["Cut", "good"],
  final: ["Cut, for good", "good"],
};

export function List() {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const market = useLoad("market", api.market);
  const page = useLoad(
    `challenges ${cursor ?? ""}`,
    () => api.tradeChallenges(cursor),
    cursor ? [] : ["block", "block_removed"],
  );
  return (
    <Card title="Filed challenges" id="filed">
      <Load of={page}>
        {(data) => (
          <>
            <Table
              caption="Challenges, newest first"
              rows={data.items}
              rowKey={(one) => one.transaction ?? `${one.trade} ${one.side} ${one.at}`}
              empty="Nobody has challenged a trade yet. Whoever doubts one of theirs finds “Check” beside it in the market."
              columns={[
                { head: "When", cell: (one) => <When at={one.at} zone={market.data?.timezone} /> },
                { head: "Slot", cell: (one) => moment(one.slot, market.data?.timezone) },
                { head: "Meter of", cell: (one) => <Meter of={one} /> },
                { head: "Registered (kWh)", numeric: true, cell: (one) => kwh(one.registered_wh, 3) },
                { head: "Reconciled (kWh)", numeric: true, cell: (one) => kwh(one.reconciled_wh, 3) },
                { head: "To buyers ($)", numeric: true, cell: (one) => money(one.buyers_get, 5) },
                { head: "To sellers ($)", numeric: true, cell: (one) => money(one.sellers_get, 5) },
                { head: "State", cell: (one) => <State of={one} /> },
              ]}
            />
            <Pager trail={trail} next={data.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}

function Meter({ of }: { of: TradeChallenge }) {
  return (
    <>
      {of.side === "sell" ? "Seller" : "Buyer"} <Address value={of.address} />
    </>
  );
}

function State({ of }: { of: TradeChallenge }) {
  const [text, tone] = STATES[of.state];
  return (
    <>
      <Badge tone={tone}>{text}</Badge>{" "}
      {of.transaction && <Hash value={of.transaction} href={`/explorer/tx/${of.transaction}`} />}
      {of.reason && <span className="muted">{of.reason}</span>}
    </>
  );
}
