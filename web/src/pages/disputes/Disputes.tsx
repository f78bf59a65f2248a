import { useEffect, useRef, useState } from "react";
import * as api from "../../api";
import { DISPUTE_STATES, GROUNDS, TEXT_MAX, aboutOf, textError } from "../../dispute";
import { Form, SelectField, TextAreaField } from "../../fields";
import { money, utc } from "../../format";
import { useLoad } from "../../live";
import type { Dispute, DisputeSummary, Ground, Invoice, InvoiceLine } from "../../types";
import { Card, Empty, Load, Standing, focusCard } from "../../ui";
import { Outcome, useWork } from "../../work";
import { Conversation, type Ending, Reply } from "./Conversation";

/** What is wrong with a bill, as whose bill it is says, and what came of it. */
export function Disputes({ invoice, onChange }: { invoice: Invoice; onChange: () => void }) {
  const disputes = useLoad(`disputes ${invoice.id}`, () => api.disputes({ account: invoice.account, invoice: invoice.id }));
  const issued = useLoad(`invoice ${invoice.id}`, () => api.invoice(invoice.id));
  const [asking, setAsking] = useState(false);
  const lines = issued.data?.invoice.lines ?? [];
  const open = disputes.data?.items.some(({ state }) => state === "open");
  const changed = () => {
    disputes.reload();
    onChange();
  };
  const close = () => {
    setAsking(false);
    focusCard("disputes");
  };
  return (
    <Card
      title="Is something wrong with it?"
      id="disputes"
      aside={
        disputes.data &&
        !open &&
        !asking && (
          <button type="button" onClick={() => setAsking(true)}>
            Something is wrong
          </button>
        )
      }
    >
      <p className="hint">
        Say what is wrong, and the operator answers here. You are not reminded of the bill meanwhile. A dispute that is
        upheld changes the bill by a correction, which stands with it.
      </p>
      {asking && (
        <Open
          invoice={invoice}
          lines={lines}
          onOpened={() => {
            close();
            changed();
          }}
          onBack={close}
        />
      )}
      <Load of={disputes}>
        {(page) =>
          page.items.length ? (
            page.items.map((one) => <One key={one.id} summary={one} lines={lines} onChange={changed} />)
          ) : (
            !asking && <Empty>Nothing was said against this bill.</Empty>
          )
        }
      </Load>
    </Card>
  );
}

const WITHDRAW: Ending = {
  decision: "withdrawn",
  action: "Withdraw the dispute",
  question: "Withdraw the dispute? The bill stands then, and you can be reminded of it.",
};

/** One dispute; what was said in one that has ended is folded away. */
function One(props: { summary: DisputeSummary; lines: InvoiceLine[]; onChange: () => void }) {
  const { summary, lines, onChange } = props;
  const [shown, setShown] = useState(summary.state === "open");
  const [said, setSaid] = useState<Dispute>();
  const dispute = useLoad(`dispute ${summary.id} ${shown}`, async () => (shown ? api.dispute(summary.id) : null));
  const { state, at, ended } = said ?? summary;
  const place = useRef<HTMLElement>(null);
  return (
    <section className="dispute" aria-label={`Dispute of ${utc(at)}`} ref={place} tabIndex={-1}>
      <h3>{aboutOf(summary, lines)}</h3>
      <p>
        <Standing of={DISPUTE_STATES[state]} reason={`since ${utc(ended ?? at)}`} />
      </p>
      {shown ? (
        <Load of={dispute}>
          {(loaded) => {
            const known = said ?? loaded;
            return (
              known && (
                <>
                  <Conversation dispute={known} staff={false} />
                  {known.state === "open" && (
                    <Reply
                      dispute={known}
                      endings={[WITHDRAW]}
                      hint="The operator reads it. Say a word as well when you take the dispute back."
                      onSaid={(now) => {
                        setSaid(now);
                        onChange();
                        if (now.state !== "open") place.current?.focus();
                      }}
                    />
                  )}
                </>
              )
            );
          }}
        </Load>
      ) : (
        <button
          type="button"
          className="quiet small"
          onClick={() => {
            setShown(true);
            place.current?.focus();
          }}
        >
          Show what was said<span className="sr-only"> in the dispute of {utc(at)}</span>
        </button>
      )}
    </section>
  );
}

interface OpenProps {
  invoice: Invoice;
  lines: InvoiceLine[];
  onOpened: () => void;
  onBack: () => void;
}

function Open({ invoice, lines, onOpened, onBack }: OpenProps) {
  const [ground, setGround] = useState<Ground | "">("");
  const [line, setLine] = useState("");
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.querySelector("select")?.focus(), []);
  const submit = () => {
    setTried(true);
    if (!ground || textError(text)) return;
    void run(async () => {
      await api.disputeInvoice(invoice.id, { ground, text: text.trim(), ...(line ? { line: Number(line) } : {}) });
      onOpened();
    });
  };
  return (
    <div className="dispute" ref={place}>
      <Form onSubmit={submit}>
        <div className="field-row pair">
          <SelectField
            label="What is wrong"
            required
            error={tried && !ground ? "Choose what comes nearest." : undefined}
            value={ground}
            onChange={(wanted) => setGround(wanted as Ground | "")}
          >
            <option value="">Choose one</option>
            {Object.entries(GROUNDS).map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </SelectField>
          <SelectField label="Where" value={line} onChange={setLine}>
            <option value="">The whole bill</option>
            {lines.map((one, index) => (
              <option key={index} value={index + 1}>
                {index + 1}. {one.label}: {money(one.amount, 2)} {invoice.currency}
              </option>
            ))}
          </SelectField>
        </div>
        <TextAreaField
          label="In your words"
          hint="What should it say, and how do you know?"
          error={tried ? textError(text) : undefined}
          maxLength={TEXT_MAX}
          value={text}
          onChange={setText}
        />
        <div className="row-actions">
          <button type="button" className="quiet" disabled={busy} onClick={onBack}>
            Back
          </button>
          <button type="submit" className="primary" disabled={busy}>
            Send
          </button>
        </div>
      </Form>
      <Outcome of={outcome} />
    </div>
  );
}
