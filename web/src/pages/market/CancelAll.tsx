import { sameAddress } from "../../address";
import * as api from "../../api";
import { ENDED_MAX, type Ending, endable, withdrawable } from "../../cancel";
import { count } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES } from "../../request";
import { SigningFlow, prepareRequest, saidOf, useSigning } from "../../signing";
import type { AccountRequest, CancellationTerms, Market, Order, PreparedRequest } from "../../types";
import { Address, Badge, Notice, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { Review } from "../wallet/Review";

interface Prepared {
  request: PreparedRequest;
  custody: string;
}

/** Takes all open orders back at once, the sealed ones too, and ends on chain what was signed. */
export function CancelAll(props: { orders: Order[]; market: Market; onChange: () => void }) {
  const { orders, market, onChange } = props;
  const { account } = useUser();
  const work = useWork();
  const id = account?.account;
  const requests = useLoad(`ends of orders ${id}`, () => endsOf(id), ["block"]);
  const sealed = useLoad(`to take back ${id}`, async () => withdrawable((await api.ownCommitments()).items), ["block"]);
  const changed = () => {
    requests.reload();
    sealed.reload();
    onChange();
  };
  const signing = useSigning<Prepared>(changed);
  const open = orders.filter(({ status }) => status === "open").length + (sealed.data?.length ?? 0);
  const endings = endable(orders, requests.data ?? [], market.now, market.slot_minutes);
  if (!account || (!open && !endings.length && !signing.prepared && !signing.outcome && !requests.data?.length)) return null;
  const cancel = async () => {
    if (!confirm("Take back all your open orders, the sealed ones too? What is traded stays.")) return;
    const done = await work.run(takeBack);
    changed();
    if (done) focusCard("orders");
  };
  const prepare = ({ address }: Ending) =>
    void signing.prepare(async () => {
      const market = await api.market();
      const all = endable(await api.allOwnOrders(), await endsOf(id), market.now, market.slot_minutes);
      const ending = all.find((one) => sameAddress(one.address, address));
      if (!ending) throw new Error("There is no order any more that could be settled.");
      const { nonces } = ending;
      const of = (await api.addresses(account.account)).find((one) => sameAddress(one.address, address));
      const request = await prepareRequest(account, { kind: "cancellation", nonces }, undefined, address);
      return { request, custody: of?.custody ?? account.custody };
    });
  return (
    <SigningFlow
      of={signing}
      review={(prepared) => (
        <EndReview
          prepared={prepared}
          onDone={(said) => signing.done(said)}
          onBack={signing.back}
        />
      )}
    >
      <div className="row-actions">
        <button type="button" className="quiet" disabled={!open || work.busy || signing.busy} onClick={cancel}>
          Cancel all
        </button>
        {endings.map((ending) => (
          <button
            key={ending.address}
            type="button"
            className="quiet"
            disabled={work.busy || signing.busy}
            onClick={() => prepare(ending)}
            aria-describedby="end-scope"
          >
            End {endings.length > 1 ? "those of " : "them on chain…"}
            {endings.length > 1 && <code>{ending.address}</code>}
            {endings.length > 1 && " on chain…"}
          </button>
        ))}
      </div>
      {endings.length > 0 && (
        <p className="hint" id="end-scope">
          What ends on chain is a list: your orders that this market knows, open or taken back, of one address at a time. A
          signed order that the market does not know, or that you have lost track of, stays good until its slot is over:
          it ends on chain only by its nonce.
        </p>
      )}
      <Outcome of={work.outcome} />
      <Standing of={requests.data?.[0]} />
    </SigningFlow>
  );
}

const endsOf = async (id: string | undefined) => (id ? api.requestsOf(id, "cancellation") : []);

/** Orders first: they can trade at any moment. */
async function takeBack(): Promise<string> {
  const gone = (await api.cancelOrders()).length;
  const sealed = withdrawable((await api.ownCommitments()).items);
  for (const { commitment } of sealed) await api.withdrawCommitment(commitment);
  const said = gone === 1 ? "One order was taken back" : `${count(gone)} orders were taken back`;
  return sealed.length ? `${said}, and ${count(sealed.length)} sealed.` : `${said}.`;
}

/** How the newest end of orders stands, until it is done. */
function Standing({ of }: { of: AccountRequest | undefined }) {
  if (!of || of.state === "done") return null;
  const [text, tone] = REQUEST_STATES[of.state];
  return (
    <p className="hint">
      Your last end of orders on chain: <Badge tone={tone}>{text}</Badge>{" "}
      {of.state === "failed" && <>{of.reason} These orders are not ended: end them again.</>}
    </p>
  );
}

function EndReview(props: { prepared: Prepared; onDone: (said: string) => void; onBack: () => void }) {
  const { request, custody } = props.prepared;
  const { account, nonces } = request.terms as CancellationTerms;
  const sent = "It is on its way to a block. With that block the market takes back what is open of these orders.";
  return (
    <Review
      prepared={request}
      custody={custody}
      facts={[
        ["Orders that end", count(nonces.length)],
        ["Signed by", <Address key="a" value={account} full />],
      ]}
      action="Sign and end them"
      onDone={(answer) => props.onDone(saidOf(answer, sent))}
      onBack={props.onBack}
    >
      <Notice tone="info">
        An order that is taken back here is still signed: whoever has it could settle it until its slot is over. Ended on
        chain it is worth nothing any more. Orders that have traded are left out, and so are sealed ones. Cancel all
        first: an order that trades before its end is in a block may lose that trade.
        {nonces.length === ENDED_MAX && ` One signature ends ${count(ENDED_MAX)} orders: do it again for the others.`}
      </Notice>
    </Review>
  );
}
