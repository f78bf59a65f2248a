import { useEffect, useState } from "react";
import * as api from "../api";
import { sameAddress } from "../address";
import { untilEndOf, usualDay, usualEnd, wishOf } from "../grant";
import { useLoad } from "../live";
import { type Need, gapsOf, needOf } from "../mandate";
import { type Waiting, waitingOf } from "../rule";
import { prepareRequest, useSigning } from "../signing";
import type {
  Account, AccountRequest, Approval, ConnectionPoint, Mandate, MandateWish, Market, PreparedRequest, Rule,
} from "../types";
import { Card, Empty, Load, Notice, Page, focusCard } from "../ui";
import { useUser } from "../user";
import { MarketTabs } from "./market/MarketTabs";
import { Stopped } from "./market/Stopped";
import { Delegates } from "./rules/Delegates";
import { Grant } from "./rules/Grant";
import { RuleForm } from "./rules/RuleForm";
import { RuleTable } from "./rules/RuleTable";
import { Sharing } from "./rules/Sharing";

/** Standing rules, the mandate that they need, and mandates of others. */
export function RulesPage() {
  const { account } = useUser();
  return (
    <Page
      name="rules"
      title="Buy and sell by itself"
      lead="Set once what you pay at most or want at least. Wattex then places an order for every slot."
    >
      <MarketTabs at="rules" />
      {account ? (
        <Own account={account} />
      ) : (
        <Notice tone="info">You do not trade here, so there is nothing to set.</Notice>
      )}
    </Page>
  );
}

function Own({ account }: { account: Account }) {
  const points = useLoad("points", api.connectionPoints);
  return (
    <Load of={points}>
      {(all) => {
        const own = all.filter((point) => point.account === account.account);
        // One mandate names one market's policy, so rules are those of one grid area.
        const zone = own[0]?.zone;
        if (zone) return <Zone account={account} points={own.filter((point) => point.zone === zone)} zone={zone} />;
        return (
          <Card title="Your rules">
            <Empty>You have no connection point yet. The operator adds it with your meter.</Empty>
          </Card>
        );
      }}
    </Load>
  );
}

interface ZoneProps {
  account: Account;
  points: ConnectionPoint[];
  zone: string;
}

function Zone({ account, points, zone }: ZoneProps) {
  const load = async (): Promise<Situation> => {
    const [market, { delegate, items }, granted, requests, approvals] = await Promise.all([
      api.market(zone),
      api.rules(zone),
      api.mandates(zone),
      api.requests({ account: account.account, kind: "mandate" }),
      account.custody === "held" ? api.approvals() : { items: [] },
    ]);
    const asked = { requests: requests.items, approvals: approvals.items };
    return { account, points, market, delegate, rules: items, granted, asked };
  };
  const situation = useLoad(`rules ${zone}`, load, ["block", "block_removed", "slot_cleared"]);
  return <Load of={situation}>{(of) => <Contents of={of} onChange={situation.reload} />}</Load>;
}

/** All that the page is made of. */
export interface Situation {
  account: Account;
  points: ConnectionPoint[];
  market: Market;
  /** Who signs for rules. */
  delegate: string;
  rules: Rule[];
  granted: Mandate[];
  /** What was asked for: on its way to a block, there, or waiting for consent. */
  asked: { requests: AccountRequest[]; approvals: Approval[] };
}

function Contents({ of, onChange }: { of: Situation; onChange: () => void }) {
  const { account, points, market, delegate, rules, granted, asked } = of;
  /** The rule in the form; each turn fills the form anew. */
  const [edited, setEdited] = useState<{ rule?: Rule; turn: number }>({ turn: 0 });
  const [said, setSaid] = useState("");
  const signing = useSigning<PreparedRequest>(() => {
    setSaid("");
    onChange();
  });
  // The form of a rule that was set is a new one.
  useEffect(() => {
    if (edited.turn && !edited.rule) focusCard("set-rule");
  }, [edited]);
  const mandate = granted.find((one) => one.rules);
  const waiting: Waiting = waitingOf(delegate, asked, market.now);

  const prepare = (wish: MandateWish) => signing.prepare(() => prepareRequest(account, wish));
  const prepareFor = (need: Need) => {
    const limits = { perDay: usualDay(need, mandate, market), until: untilEndOf(usualEnd(market), market) };
    return prepare(wishOf(need, { delegate, policy: market.policy_id }, limits));
  };
  // A rule that was set sees to its mandate.
  const saved = async (rule: Rule) => {
    setEdited(({ turn }) => ({ turn: turn + 1 }));
    setSaid("The rule is set.");
    onChange();
    const others = rules.filter((one) => one.connection_point !== rule.connection_point || one.side !== rule.side);
    const need = needOf([...others, rule], points, market);
    if (!need || waiting || !gapsOf(mandate, need, market).length) return;
    setSaid("The rule is set. It places orders once you let Wattex sign them: see below.");
    await prepareFor(need);
  };
  return (
    <>
      <Stopped market={market} />
      <Sharing of={of} mandate={mandate} waiting={waiting} onChange={onChange} />
      <RuleTable
        of={of}
        mandate={mandate}
        waiting={waiting}
        onEdit={(rule) => {
          setEdited(({ turn }) => ({ rule, turn: turn + 1 }));
          setSaid("");
        }}
        onChange={onChange}
      />
      <RuleForm key={edited.turn} of={of} edited={edited.rule} said={said} onSaved={saved} />
      <Grant of={of} mandate={mandate} waiting={waiting} signing={signing} prepare={prepare} />
      <Delegates of={of} others={granted.filter((one) => !sameAddress(one.delegate, delegate))} onChange={onChange} />
    </>
  );
}
