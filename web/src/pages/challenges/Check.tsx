import * as api from "../../api";
import { shownBy, verdict } from "../../challenge";
import { save } from "../../download";
import { kwh, money, moment } from "../../format";
import { useLoad } from "../../live";
import { Link } from "../../route";
import { hasWallet, sendCall } from "../../sign";
import type { ChallengeCall, ChallengeWish, Cut, PreparedChallenge, Side, TradeEvidence } from "../../types";
import { Address, Badge, Card, Facts, Hash, Load, Notice, Table, type Tone, When, useCopy } from "../../ui";
import { Outcome, useWork } from "../../work";

/** A trade held against the registers of both of its meters. */
export function Check({ trade }: { trade: string }) {
  const evidence = useLoad(`evidence ${trade}`, () => api.tradeEvidence(trade), ["block"]);
  const market = useLoad("market", api.market);
  return (
    <>
      <p>
        <Link href={`/explorer/trade/${trade}`}>The trade on the chain</Link> ·{" "}
        <Link href="/challenges">All challenges</Link>
      </p>
      <Load of={evidence}>
        {(data) => (
          <>
            <SideCheck evidence={data} side="sell" zone={market.data?.timezone} />
            <SideCheck evidence={data} side="buy" zone={market.data?.timezone} />
            <Alone trade={trade} />
          </>
        )}
      </Load>
    </>
  );
}

/** What whoever does not believe this page can do. */
function Alone({ trade }: { trade: string }) {
  const [copied, copy] = useCopy();
  const command = `wattex challenge ${trade} --server ${location.origin} --rpc URL --key-file FILE --send`;
  return (
    <Card className="check" title="Without us" id="alone">
      <p>
        The command checks signatures, roots and trades against a node of your own, and sends the challenge with your
        own key.
      </p>
      <p className="command">
        <code>{command}</code>
        <button type="button" className="quiet small" onClick={() => copy(command)}>
          {copied ? "Copied" : "Copy"}
          <span className="sr-only"> the command</span>
        </button>
      </p>
    </Card>
  );
}

function SideCheck(props: { evidence: TradeEvidence; side: Side; zone: string | undefined }) {
  const { evidence, side, zone } = props;
  const of = side === "sell" ? evidence.seller : evidence.buyer;
  const who = side === "sell" ? "seller" : "buyer";
  const title = `The ${who}'s meter`;
  if (!of.begin || !of.end) {
    return (
      <Card title={title} id={`check-${side}`} aside={<Badge tone="warn">Nothing to show</Badge>}>
        <Notice tone="info">
          There is no anchored reading of it at both ends of the slot: without one nobody can challenge. The chain shows
          everybody what was anchored.
        </Notice>
      </Card>
    );
  }
  const wish = { trade: evidence.trade, side, begin: of.begin, end: of.end };
  return (
    <Judged title={title} wish={wish} registers={shownBy(of, side)} zone={zone} />
  );
}

function Judged(props: {
  title: string;
  wish: ChallengeWish;
  registers: [bigint, bigint] | null;
  zone: string | undefined;
}) {
  const { title, wish, registers, zone } = props;
  const key = `judged ${wish.trade} ${wish.side}`;
  const prepared = useLoad(key, () => api.prepareChallenge(wish), ["block", "block_removed"]);
  const word = wish.side === "sell" ? "Fed in" : "Taken";
  const aside = prepared.data && <Verdict found={prepared.data} />;
  return (
    <Card title={title} id={`check-${wish.side}`} aside={aside}>
      <Load of={prepared}>
        {(found) => (
          <>
            <Facts
              items={[
                ["Of", <Address key="a" value={found.address} />],
                ["Slot", <When key="s" at={found.slot} zone={zone} />],
                ["Register when it began", registers ? `${kwh(registers[0], 3)} kWh` : "not readable"],
                ["Register when it ended", registers ? `${kwh(registers[1], 3)} kWh` : "not readable"],
                [word, `${kwh(found.registered_wh)} kWh`],
                ["Reconciled as delivered", `${kwh(found.reconciled_wh)} kWh`],
              ]}
            />
            <Notice tone={verdict(found).tone}>{verdict(found).text}</Notice>
            {found.cuts.length > 0 && <Cuts cuts={found.cuts} />}
            <Challenge wish={wish} found={found} zone={zone} reload={prepared.reload} />
          </>
        )}
      </Load>
    </Card>
  );
}

function Verdict({ found }: { found: PreparedChallenge }) {
  return found.cuts.length ? <Badge tone="bad">Too much</Badge> : <Badge tone="good">Fits</Badge>;
}

function Cuts({ cuts }: { cuts: Cut[] }) {
  return (
    <Table
      caption="What a challenge cuts"
      rows={cuts}
      rowKey={(cut) => cut.trade}
      empty=""
      columns={[
        { head: "Trade", cell: (cut) => <Hash value={cut.trade} href={`/explorer/trade/${cut.trade}`} /> },
        { head: "Delivered so far (kWh)", numeric: true, cell: (cut) => kwh(cut.delivered_before_wh, 3) },
        { head: "Delivered then (kWh)", numeric: true, cell: (cut) => kwh(cut.delivered_wh, 3) },
        { head: "To the buyer ($)", numeric: true, cell: (cut) => money(cut.buyer_gets, 5) },
        { head: "To the seller ($)", numeric: true, cell: (cut) => money(cut.seller_gets, 5) },
      ]}
    />
  );
}

const WINDOWS: Record<PreparedChallenge["window"], [string, Tone]> = {
  early: ["Corrections are open", "info"],
  open: ["Challenges are taken", "good"],
  over: ["Challenges have ended", "quiet"],
};

/** The window and, where something is to be cut in it, three ways to send it. */
function Challenge(props: {
  wish: ChallengeWish;
  found: PreparedChallenge;
  zone: string | undefined;
  reload: () => void;
}) {
  const { wish, found, zone, reload } = props;
  const [text, tone] = WINDOWS[found.window];
  const { busy, outcome, run } = useWork<"sent">();
  const send = (work: () => Promise<unknown>) =>
    run(async () => {
      await work();
      reload();
      return "sent";
    });
  const call = found.window === "open" ? found.call : undefined;
  return (
    <>
      <p>
        <Badge tone={tone}>{text}</Badge>{" "}
        {found.window === "early" && `The operator can still put it right until ${moment(found.opens, zone)}. `}
        {found.window !== "over" && `A challenge is taken until ${moment(found.closes, zone)}.`}
        {found.window === "over" && `The window closed at ${moment(found.closes, zone)}: what was paid stays.`}
      </p>
      {call && (
        <div className="row-actions">
          <button type="button" disabled={busy} onClick={() => send(() => api.fileChallenge(wish))}>
            Challenge, sent by the operator
          </button>
          {hasWallet() && (
            <button type="button" className="quiet" disabled={busy} onClick={() => send(() => sendCall(call))}>
              Send with my wallet
            </button>
          )}
          <button type="button" className="quiet" onClick={() => saveCall(call, wish)}>
            Save the call
          </button>
        </div>
      )}
      <Outcome of={outcome}>
        {() => (
          <>
            It is on its way to a block. <Link href="/challenges">All challenges</Link>
          </>
        )}
      </Outcome>
    </>
  );
}

/** As the command writes it: any wallet can send it. */
function saveCall(call: ChallengeCall, wish: ChallengeWish) {
  const text = JSON.stringify({ chainId: call.chain_id, to: call.to, value: "0x0", data: call.data }, null, 2);
  save(new Blob([text], { type: "application/json" }), `challenge-${wish.trade.slice(2, 10)}-${wish.side}.json`);
}
