import { useState } from "react";
import { AmountField, Form, TextField } from "../../fields";
import { ENERGY_SCALE, kwh, parseDecimal, utc } from "../../format";
import { dayError, endError, endOf, untilEndOf, usualDay, usualEnd, wishOf } from "../../grant";
import {
  type Limits, type Need, gapsOf, grantWords, isInForce, limitsOf, limitsOfTerms, needOf,
} from "../../mandate";
import type { Waiting } from "../../rule";
import { Link } from "../../route";
import { SigningFlow, type SigningOf } from "../../signing";
import type { AccountRequest, Approval, Mandate, MandateWish, Market, PreparedRequest } from "../../types";
import { Address, Badge, Card, Hash, Notice } from "../../ui";
import type { Situation } from "../Rules";
import { Review } from "../wallet/Review";

interface GrantProps {
  of: Situation;
  mandate: Mandate | undefined;
  waiting: Waiting;
  signing: SigningOf<PreparedRequest>;
  prepare: (wish: MandateWish) => Promise<boolean>;
}

/** What Wattex may sign for the rules: granted, asked for, ended. */
export function Grant(props: GrantProps) {
  const { of, mandate, waiting, signing } = props;
  const { market, delegate, rules, points } = of;
  const [wanted, setWanted] = useState<GrantWanted>({ day: "", until: "" });
  const need = needOf(rules, points, market);
  const inForce = mandate && isInForce(mandate, market.now) ? mandate : undefined;
  return (
    <Card
      title="What Wattex may sign for you"
      id="mandate"
      aside={<Standing mandate={inForce} gaps={need ? gapsOf(mandate, need, market) : []} waiting={waiting} />}
    >
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <MandateReview
            prepared={prepared}
            who="Wattex"
            market={market}
            onDone={() => signing.done("")}
            onBack={signing.back}
          />
        )}
      >
        {inForce ? (
          <p>{grantWords("Wattex", limitsOf(inForce), market.timezone)}</p>
        ) : (
          <p>
            Nothing yet. Rules place no order until you let Wattex sign them, inside limits that the contract on the
            chain holds it to.
          </p>
        )}
        <Pending asked={of.asked.requests} waiting={waiting} delegate={delegate} />
        {need && waiting !== "block" && (
          <GrantForm need={need} gaps={gapsOf(mandate, need, market)} wanted={wanted} onChange={setWanted} {...props} />
        )}
        {inForce && <End {...props} />}
        <p className="hint">
          It signs with <Address value={delegate} />
        </p>
      </SigningFlow>
    </Card>
  );
}

function Standing(props: { mandate: Mandate | undefined; gaps: string[]; waiting: Waiting }) {
  if (props.waiting === "block") return <Badge tone="info">Waits for the block</Badge>;
  if (props.waiting) return <Badge tone="warn">Waits for consent</Badge>;
  if (!props.mandate) return <Badge tone={props.gaps.length ? "warn" : "quiet"}>Nothing granted</Badge>;
  return props.gaps.length ? <Badge tone="warn">Too little for your rules</Badge> : <Badge tone="good">Active</Badge>;
}

/** What was asked for and is not in force yet, or never will be. */
function Pending(props: { asked: AccountRequest[]; waiting: Waiting; delegate: string }) {
  const newest = props.asked.find(
    ({ terms }) => terms.kind === "mandate" && terms.delegate.toLowerCase() === props.delegate.toLowerCase(),
  );
  const ends = newest?.terms.kind === "mandate" && newest.terms.until === 0;
  if (props.waiting === "block" || (newest?.state === "sent" && ends)) {
    const what = ends ? "The end of the mandate" : "A new mandate";
    return <Notice tone="info">{what} was sent and waits for the block.</Notice>;
  }
  if (props.waiting) {
    const text = props.waiting === "consent" ? "waits for a member of staff" : "may be sent";
    return (
      <Notice tone="warn">
        A new mandate {text}: see “What is signed for you” in your <Link href="/wallet">wallet</Link>.
      </Notice>
    );
  }
  if (newest?.state !== "failed") return null;
  return (
    <Notice tone="warn">
      The newest mandate failed on {utc(newest.at)}{newest.reason && `: ${newest.reason}`}.
    </Notice>
  );
}

/** As it is filled in; empty for what is usual. */
interface GrantWanted {
  day: string;
  until: string;
}

type FormProps = GrantProps & {
  need: Need;
  gaps: string[];
  wanted: GrantWanted;
  onChange: (wanted: GrantWanted) => void;
};

/** Asks for a mandate that fits the rules. */
function GrantForm({ of, mandate, need, gaps, wanted, onChange, signing, prepare }: FormProps) {
  const { market, delegate } = of;
  const usual = usualDay(need, mandate, market);
  const [tried, setTried] = useState(false);
  const perDay = wanted.day.trim() ? parseDecimal(wanted.day, ENERGY_SCALE) : usual;
  const last = wanted.until || usualEnd(market);
  const problems = { day: dayError(perDay, need.granted), until: endError(last, market) };
  const submit = () => {
    setTried(true);
    if (problems.day || problems.until || perDay === null) return;
    const names = { delegate, policy: market.policy_id };
    void prepare(wishOf(need, names, { perDay, until: untilEndOf(last, market) }));
  };
  const form = (
    <Form wide onSubmit={submit}>
      <AmountField
        label="At most in a day (kWh)"
        hint={`Empty: ${kwh(usual)} kWh. In a slot it is ${kwh(need.granted)} kWh at most.`}
        error={tried ? problems.day : undefined}
        value={wanted.day}
        onChange={(day) => onChange({ ...wanted, day })}
      />
      <TextField
        label="Last day"
        hint="A year from now unless you change it."
        error={tried ? problems.until : undefined}
        type="date"
        value={last}
        onChange={(until) => onChange({ ...wanted, until })}
      />
      <button type="submit" className={gaps.length ? "primary" : undefined} disabled={signing.busy}>
        Review
      </button>
    </Form>
  );
  return (
    <div className="grant">
      {gaps.length ? (
        <>
          {mandate && isInForce(mandate, market.now) && gaps.map((gap) => <p key={gap}>{gap}</p>)}
          {form}
        </>
      ) : (
        <details className="meanings">
          <summary>Change its limits, or make it last longer</summary>
          {form}
        </details>
      )}
    </div>
  );
}

function End({ of, signing, prepare }: GrantProps) {
  const end = () => void prepare(endOf(of.delegate, of.market.policy_id));
  return (
    <div className="row-actions">
      <button type="button" className="quiet danger" disabled={signing.busy} onClick={end}>
        End the mandate
      </button>
    </div>
  );
}

/** A mandate, or its end, as its owner reads it before signing. */
export function MandateReview(props: {
  prepared: PreparedRequest;
  who: string;
  market: Market;
  onDone: (sent: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared, who, market } = props;
  const { terms } = prepared;
  if (terms.kind !== "mandate") return null;
  const limits: Limits = limitsOfTerms(terms);
  return (
    <Review
      prepared={prepared}
      action={limits.until ? "Sign and grant" : "Sign and end"}
      onDone={props.onDone}
      onBack={props.onBack}
      facts={[
        ["Who signs", <Address key="d" value={terms.delegate} full />],
        ...(limits.until ? [["Until", utc(limits.until)] satisfies [string, string]] : []),
        ["Policy", <Hash key="p" value={terms.policy} />],
        ["Version", String(terms.version)],
      ]}
    >
      <p className="strong">
        {limits.until
          ? grantWords(who, limits, market.timezone)
          : `${who} may sign nothing for you any more. What it has signed and the chain has not settled yet falls away.`}
      </p>
    </Review>
  );
}
