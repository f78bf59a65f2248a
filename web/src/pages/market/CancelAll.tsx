import * as api from "../../api";
import { ENDED_MAX, endable } from "../../cancel";
import { count } from "../../format";
import { SigningFlow, prepareRequest, saidOf, useSigning } from "../../signing";
import type { CancellationTerms, Market, Order, PreparedRequest } from "../../types";
import { Notice, focusCard } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { Review } from "../wallet/Review";

/** Takes all open orders back at once, and ends on chain what was signed. */
export function CancelAll(props: { orders: Order[]; market: Market; onChange: () => void }) {
  const { orders, market, onChange } = props;
  const { account } = useUser();
  const work = useWork();
  const signing = useSigning<PreparedRequest>(onChange);
  const open = orders.filter(({ status }) => status === "open").length;
  const some = endable(orders, market.now, market.slot_minutes).length > 0;
  if (!account || (!open && !some && !signing.prepared && !signing.outcome)) return null;
  const cancel = async () => {
    if (!confirm("Take back all your open orders? What is traded stays.")) return;
    const done = await work.run(async () => {
      const gone = (await api.cancelOrders()).length;
      return gone === 1 ? "One order was taken back." : `${count(gone)} orders were taken back.`;
    });
    onChange();
    if (done) focusCard("orders");
  };
  const prepare = () =>
    void signing.prepare(async () => {
      const market = await api.market();
      const nonces = endable(await api.allOwnOrders(), market.now, market.slot_minutes);
      if (!nonces.length) throw new Error("There is no order any more that could be settled.");
      return prepareRequest(account, { kind: "cancellation", nonces });
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
        <button type="button" className="quiet" disabled={!some || work.busy || signing.busy} onClick={prepare}>
          End them on chain…
        </button>
      </div>
      <Outcome of={work.outcome} />
    </SigningFlow>
  );
}

function EndReview(props: { prepared: PreparedRequest; onDone: (said: string) => void; onBack: () => void }) {
  const { nonces } = props.prepared.terms as CancellationTerms;
  const sent = "It is on its way to a block. With that block the market takes back what is open of these orders.";
  return (
    <Review
      prepared={props.prepared}
      facts={[["Orders that end", count(nonces.length)]]}
      action="Sign and end them"
      onDone={(answer) => props.onDone(saidOf(answer, sent))}
      onBack={props.onBack}
    >
      <Notice tone="info">
        An order that is taken back here is still signed: whoever has it could settle it until its slot is over. Ended on
        chain it is worth nothing any more. What is traded by then stays.
        {nonces.length === ENDED_MAX && ` One signature ends ${count(ENDED_MAX)} orders: do it again for the others.`}
      </Notice>
    </Review>
  );
}
