import { useState } from "react";
import { sameAddress } from "../../address";
import { Form, TextField } from "../../fields";
import { short } from "../../format";
import { type GrantFields, endOf, readGrant, usualEnd } from "../../grant";
import { isInForce, limitWords, limitsOf } from "../../mandate";
import { SigningFlow, prepareRequest, saidOf, useSigning } from "../../signing";
import type { Mandate, MandateWish, Market, PreparedRequest } from "../../types";
import { Address, Badge, Card, Table } from "../../ui";
import type { Situation } from "../Rules";
import { MandateReview } from "./Grant";

const SENT = "It is signed and on its way. It holds with the next block.";

/** Whoever else may sign orders: a program of one's own, for one. */
export function Delegates(props: { of: Situation; others: Mandate[]; onChange: () => void }) {
  const { of, others } = props;
  const { account, market, asked } = of;
  const [open, setOpen] = useState(false);
  const [fields, setFields] = useState(() => empty(market));
  const signing = useSigning<PreparedRequest>(() => {
    setFields(empty(market));
    props.onChange();
  });
  const prepare = (wish: MandateWish) => signing.prepare(() => prepareRequest(account, wish));
  const newest = ({ delegate }: Mandate) =>
    asked.requests.find(({ terms }) => terms.kind === "mandate" && sameAddress(terms.delegate, delegate));
  return (
    <Card title="Others who may sign" id="delegates">
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <MandateReview
            prepared={prepared}
            who={whoOf(prepared)}
            market={market}
            onDone={(sent) => signing.done(saidOf(sent, SENT))}
            onBack={signing.back}
          />
        )}
      >
        <Table
          caption="Other delegates"
          rows={others}
          rowKey={(mandate) => mandate.delegate}
          empty="Nobody else may sign orders for you. Below you can let somebody."
          columns={[
            { head: "Delegate", cell: ({ delegate }) => <Address value={delegate} /> },
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
        <details className="meanings" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>Let somebody else sign</summary>
          <DelegateForm market={market} fields={fields} busy={signing.busy} onChange={setFields} prepare={prepare} />
        </details>
      </SigningFlow>
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
  busy: boolean;
  prepare: (wish: MandateWish) => Promise<boolean>;
}

function DelegateForm({ market, fields, busy, onChange, prepare }: DelegateFormProps) {
  const [tried, setTried] = useState(false);
  const read = readGrant(fields, market);
  const problems = (tried && read.problems) || {};
  const set = (name: keyof GrantFields, value: string) => onChange({ ...fields, [name]: value });
  const submit = () => {
    setTried(true);
    if (read.wish) void prepare(read.wish);
  };
  return (
    <Form wide onSubmit={submit}>
      {FIELDS.map(([name, label, hint, placeholder]) => (
        <TextField
          key={name}
          label={label}
          hint={hint}
          error={problems[name]}
          inputMode={name === "delegate" ? "text" : "decimal"}
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={fields[name]}
          onChange={(value) => set(name, value)}
        />
      ))}
      <TextField
        label="Last day"
        hint="You can end it earlier."
        error={problems.until}
        type="date"
        value={fields.until}
        onChange={(value) => set("until", value)}
      />
      <button type="submit" disabled={busy}>
        Review
      </button>
    </Form>
  );
}
