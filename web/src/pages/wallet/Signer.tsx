import * as api from "../../api";
import { APPROVAL_TONES, subjectOf } from "../../approval";
import { codeAt, unitsOf } from "../../currency";
import { MONEY_SCALE, money, readDecimal, utc } from "../../format";
import { WH, amountOf, leftOf } from "../../limit";
import { useLoad } from "../../live";
import { isExact, keyOf } from "../../request";
import { newSalt } from "../../sealing";
import { timestamp } from "../../slots";
import type { Approval, SigningLimit } from "../../types";
import { Badge, Card, Facts, Load, Table } from "../../ui";
import { useUnits } from "../../units";
import { Outcome, useWork } from "../../work";

/** How much the operator signs for an account whose key it holds. */
export function Signer({ account }: { account: string }) {
  const limit = useLoad(`limit ${account}`, () => api.signingLimit(account), ["block"]);
  const units = useUnits().data;
  const further = [...(units ?? []).slice(1).map(({ code }) => code), WH];
  const others = async () => (units ? Promise.all(further.map((unit) => api.signingLimit(account, unit))) : []);
  const limits = useLoad(`limits ${account} ${further.join()} ${!!units}`, others, ["block"]);
  const requests = useLoad("approvals", api.approvals, ["block"]);
  return (
    <Card title="What is signed for you" id="signer">
      <Load of={limit}>{(data) => <Limit limit={data} />}</Load>
      {!!limits.data?.length && <OtherLimits limits={limits.data} />}
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
          ["Needs the operator's consent", `whatever is above $${money(limit.approval_above, 2)}`],
        ]}
      />
      <p className="hint">
        Orders count with their amount times their limit price, payouts and money sent with their amount, and a
        mandate with the most that it lets be spent in a day. The limit is what somebody could spend who got into
        your account.
      </p>
    </>
  );
}

/** Those of other currencies, and of certified energy. */
function OtherLimits({ limits }: { limits: SigningLimit[] }) {
  const row = (name: string, of: (limit: SigningLimit) => string | bigint) => ({
    head: name, numeric: true, cell: (limit: SigningLimit) => amountOf(of(limit), limit.unit),
  });
  return (
    <Table
      caption="Of what else is signed"
      showCaption
      rows={limits}
      rowKey={({ unit }) => unit}
      empty="Nothing else is signed."
      columns={[
        { head: "Of", cell: ({ unit }) => (unit === WH ? "Certified energy" : unit) },
        row("At most in a day", ({ daily }) => daily),
        row("Signed today", ({ signed_today }) => signed_today),
        row("Left today", leftOf),
        row("Consent above", ({ approval_above }) => approval_above),
      ]}
    />
  );
}

/** What the button says that sends again what was consented to. */
const SEND: Record<Approval["kind"], string> = {
  order: "Place it", payout: "Pay it out", redemption: "Send it", request: "Send it", limit: "",
};

const OVER = "The request is over: the operator has to decide again";
const ELSEWHERE = "A browser cannot write its numbers exactly: send it again with the program that asked for it";

function Requests({ items, onChange }: { items: Approval[]; onChange: () => void }) {
  const { outcome, busy, run } = useWork();
  const units = useUnits();
  const nameOf = (market: string) => codeAt(units.data ?? [], market);
  const place = async ({ kind, order, payout, request }: Approval): Promise<string | undefined> => {
    if (order) {
      const signed = await api.signOrder(order);
      if (!("signature" in signed)) throw new Error(OVER);
      const slot = timestamp(order.slot * 1000);
      if ((await api.slot(slot)).sealed) {
        await api.sealOrder(slot, order, signed.signature, newSalt());
        return "The order is sealed until the book closes.";
      }
      await api.placeOrder(order, signed.signature);
      return "The order is in the book.";
    }
    if (payout) {
      const signed = await (kind === "redemption" ? api.signRedemption : api.signPayout)(payout);
      if (!("redemption" in signed)) throw new Error(OVER);
      const currency = payout.cash && codeAt(unitsOf(await api.currencies()), payout.cash.market);
      await api.requestPayout(payout, signed, currency);
      return "The payout is on its way.";
    }
    if (!request) return undefined;
    if (!isExact(request)) throw new Error(ELSEWHERE);
    const signed = await api.signRequest(request);
    if (!("signature" in signed)) throw new Error(OVER);
    await api.submitRequest(request, signed.signature, keyOf(request));
    return "It is on its way to a block.";
  };
  return (
    <>
      <Outcome of={outcome} />
      <Table
        caption="What waits for consent, newest first"
        showCaption
        rows={items}
        rowKey={(item) => item.approval}
        empty="Nothing waits."
        columns={[
          { head: "Asked", cell: (item) => utc(item.requested_at) },
          { head: "What", cell: (item) => <span className="wrap">{subjectOf(item, nameOf)}</span> },
          { head: "State", cell: (item) => <Badge tone={APPROVAL_TONES[item.state]}>{item.state}</Badge> },
          { head: "Until", cell: (item) => utc(item.expires_at) },
          {
            head: "Actions",
            hideHead: true,
            // A quote is over by now: consent is for any one that is no worse.
            cell: (item) =>
              item.kind !== "limit" &&
              item.state === "approved" &&
              (item.request?.kind === "exchange" ? (
                <span className="muted">ask for a quote of the same amount</span>
              ) : (
                <button type="button" className="small" disabled={busy} onClick={() => run(() => place(item)).then(onChange)}>
                  {SEND[item.kind]}
                  <span className="sr-only">: {subjectOf(item, nameOf)}</span>
                </button>
              )),
          },
        ]}
      />
    </>
  );
}
