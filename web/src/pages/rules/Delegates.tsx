import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { sameAddress } from "../../address";
import { short } from "../../format";
import { type GrantFields, endOf, readGrant, usualEnd } from "../../grant";
import { isInForce, limitWords, limitsOf } from "../../mandate";
import { checkPrepared } from "../../request";
import type { AccountRequest, Approval, Mandate, MandateWish, Market, PreparedRequest } from "../../types";
import { Badge, Card, Field, Hash, Notice, Table } from "../../ui";
import type { Situation } from "../Rules";
import { WAITS_FOR_CONSENT } from "../wallet/Review";
import { MandateReview } from "./Grant";

/** Whoever else may sign orders: a program of one's own, for one. */
export function Delegates(props: { of: Situation; others: Mandate[]; onChange: () => void }) {
  const { of, others } = props;
  const { account, market, asked } = of;
  const [prepared, setPrepared] = useState<PreparedRequest>();
  const [open, setOpen] = useState(false);
  const [fields, setFields] = useState(() => empty(market));
  const [outcome, setOutcome] = useState<string | Error>();
  const prepare = async (wish: MandateWish) => {
    setOutcome(undefined);
    try {
      setPrepared(checkPrepared(await api.prepareRequest(wish), wish, account.address));
    } catch (problem) {
      setOutcome(problem as Error);
    }
  };
  const done = (sent: AccountRequest | Approval) => {
    setOutcome("approval" in sent ? WAITS_FOR_CONSENT : "It is signed and on its way. It holds with the next block.");
    setPrepared(undefined);
    setFields(empty(market));
    props.onChange();
  };
  const newest = ({ delegate }: Mandate) =>
    asked.requests.find(({ terms }) => terms.kind === "mandate" && sameAddress(terms.delegate, delegate));
  return (
    <Card title="Others who may sign" id="delegates">
      {prepared ? (
        <MandateReview
          prepared={prepared}
          who={whoOf(prepared)}
          market={market}
          onDone={done}
          onBack={() => setPrepared(undefined)}
        />
      ) : (
        <>
          <Table
            caption="Other delegates"
            rows={others}
            rowKey={(mandate) => mandate.delegate}
            empty="Nobody else may sign orders for you."
            columns={[
              {
                head: "Delegate",
                cell: ({ delegate }) => <Hash value={delegate} href={`/explorer/address/${delegate.toLowerCase()}`} />,
              },
              {
                head: "May sign",
                cell: (mandate) =>
                  isInForce(mandate, market.now) ? (
                    <span className="wrap">{limitWords(limitsOf(mandate), market.timezone)}</span>
                  ) : (
                    "–"
                  ),
              },
              {
                head: "State",
                cell: (mandate) => (
                  <State going={isInForce(mandate, market.now)} sent={newest(mandate)?.state === "sent"} />
                ),
              },
              {
                head: "Actions",
                hideHead: true,
                cell: (mandate) =>
                  isInForce(mandate, market.now) && (
                    <button
                      type="button"
                      className="quiet small danger"
                      onClick={() => prepare(endOf(mandate.delegate, market.policy_id))}
                    >
                      End<span className="sr-only"> the mandate of {mandate.delegate}</span>
                    </button>
                  ),
              },
            ]}
          />
          <details
            className="meanings"
            open={open}
            onToggle={(event) => setOpen(event.currentTarget.open)}
          >
            <summary>Let somebody else sign</summary>
            <DelegateForm market={market} fields={fields} onChange={setFields} prepare={prepare} />
          </details>
        </>
      )}
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
    </Card>
  );
}

function whoOf({ terms }: PreparedRequest): string {
  return terms.kind === "mandate" ? short(terms.delegate) : "";
}

function State({ going, sent }: { going: boolean; sent: boolean }) {
  if (sent) return <Badge tone="info">Waits for the block</Badge>;
  return <Badge tone={going ? "good" : "quiet"}>{going ? "Active" : "Ended"}</Badge>;
}

/** Label, hint, and what stands there until something is entered. */
const FIELDS: [Exclude<keyof GrantFields, "until">, string, string, string][] = [
  ["delegate", "Address of the delegate", "Of a key or a contract. Whoever has it signs in your name.", "0x…"],
  ["buy", "Buys up to (ct/kWh)", "All-in. Empty: it buys nothing.", "25"],
  ["sell", "Sells from (ct/kWh)", "Net. Empty: it sells nothing.", "8"],
  ["perSlot", "Largest order (kWh)", "Of each slot and side.", "2.5"],
  ["perDay", "At most in a day (kWh)", "Of each side and UTC day.", "20"],
];

function empty(market: Market): GrantFields {
  return { delegate: "", buy: "", sell: "", perSlot: "", perDay: "", until: usualEnd(market) };
}

interface DelegateFormProps {
  market: Market;
  fields: GrantFields;
  onChange: (fields: GrantFields) => void;
  prepare: (wish: MandateWish) => Promise<void>;
}

function DelegateForm({ market, fields, onChange, prepare }: DelegateFormProps) {
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const read = readGrant(fields, market);
  const problems = (tried && read.problems) || {};
  const set = (name: keyof GrantFields, value: string) => onChange({ ...fields, [name]: value });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!read.wish) return;
    setBusy(true);
    await prepare(read.wish);
    setBusy(false);
  };
  return (
    <form className="form wide" onSubmit={submit} noValidate>
      {FIELDS.map(([name, label, hint, placeholder]) => (
        <Field key={name} label={label} hint={hint} error={problems[name]}>
          {(attributes) => (
            <input
              {...attributes}
              inputMode={name === "delegate" ? "text" : "decimal"}
              autoComplete="off"
              spellCheck={false}
              placeholder={placeholder}
              value={fields[name]}
              onChange={(event) => set(name, event.target.value)}
            />
          )}
        </Field>
      ))}
      <Field label="Last day" hint="You can end it earlier." error={problems.until}>
        {(attributes) => (
          <input
            {...attributes}
            type="date"
            value={fields.until}
            onChange={(event) => set("until", event.target.value)}
          />
        )}
      </Field>
      <button type="submit" disabled={busy}>
        Review
      </button>
    </form>
  );
}
