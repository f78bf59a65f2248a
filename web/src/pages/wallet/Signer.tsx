import { useState } from "react";
import * as api from "../../api";
import { MONEY_SCALE, kwh, money, readDecimal, utc } from "../../format";
import { useLoad } from "../../live";
import type { Approval, SigningLimit } from "../../types";
import { Badge, Card, Facts, Load, Notice, Table, type Tone } from "../../ui";

export const TONES: Record<Approval["state"], Tone> = {
  open: "info", approved: "good", refused: "bad", expired: "quiet", done: "quiet",
};

/** What is asked for, in words. */
export function subjectOf({ kind, order, payout, amount }: Approval): string {
  if (payout) return `Pay out $${money(amount, 2)} to ${payout.creditor}, ${payout.iban}`;
  if (kind === "limit" || !order) return `Sign up to $${money(amount, 2)} a day`;
  return `${order.side === "buy" ? "Buy" : "Sell"} ${kwh(order.quantity)} kWh, worth $${money(amount, 2)}`;
}

/** How much the operator signs for an account whose key it holds. */
export function Signer({ account }: { account: string }) {
  const limit = useLoad(`limit ${account}`, () => api.signingLimit(account), ["block"]);
  const requests = useLoad("approvals", api.approvals, ["block"]);
  return (
    <Card title="What is signed for you" id="signer">
      <Load of={limit}>{(data) => <Limit limit={data} />}</Load>
      <Load of={requests}>
        {(page) => (page.items.length ? <Requests items={page.items} onChange={requests.reload} /> : null)}
      </Load>
    </Card>
  );
}

function Limit({ limit }: { limit: SigningLimit }) {
  const left = readDecimal(limit.daily, MONEY_SCALE) - readDecimal(limit.signed_today, MONEY_SCALE);
  return (
    <>
      <Facts
        items={[
          ["At most in a day (UTC)", `$${money(limit.daily, 2)}`],
          ["Signed today", `$${money(limit.signed_today, 2)}`],
          ["Left today", `$${money(left > 0n ? left : 0n, 2)}`],
          ["Needs the operator's consent", `orders and payouts above $${money(limit.approval_above, 2)}`],
        ]}
      />
      <p className="hint">
        Orders count with their amount times their limit price, payouts with their amount. The limit is what somebody could spend who got into
        your account.
      </p>
    </>
  );
}

const OVER = "The request is over: the operator has to decide again";

function Requests({ items, onChange }: { items: Approval[]; onChange: () => void }) {
  const [outcome, setOutcome] = useState<string | Error>();
  const place = async ({ order, payout }: Approval) => {
    setOutcome(undefined);
    try {
      if (order) {
        const signed = await api.signOrder(order);
        if (!("signature" in signed)) throw new Error(OVER);
        await api.placeOrder(order, signed.signature);
        setOutcome("The order is in the book.");
      } else if (payout) {
        const signed = await api.signPayout(payout);
        if (!("withdrawal" in signed)) throw new Error(OVER);
        await api.requestPayout(payout, signed);
        setOutcome("The payout is on its way.");
      }
    } catch (problem) {
      setOutcome(problem as Error);
    }
    onChange();
  };
  return (
    <>
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
      <Table
        caption="What waits for consent, newest first"
        showCaption
        rows={items}
        rowKey={(item) => item.approval}
        empty="Nothing waits."
        columns={[
          { head: "Asked", cell: (item) => utc(item.requested_at) },
          { head: "What", cell: subjectOf },
          { head: "State", cell: (item) => <Badge tone={TONES[item.state]}>{item.state}</Badge> },
          { head: "Until", cell: (item) => utc(item.expires_at) },
          {
            head: "Actions",
            hideHead: true,
            cell: (item) =>
              item.kind !== "limit" &&
              item.state === "approved" && (
                <button type="button" className="small" onClick={() => place(item)}>
                  {item.kind === "order" ? "Place it" : "Pay it out"}
                </button>
              ),
          },
        ]}
      />
    </>
  );
}
