import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { money } from "../../format";
import { duration, spaced } from "../../payout";
import { signPayout } from "../../sign";
import type { PreparedPayout } from "../../types";
import { Card, Facts, Field, Hash, Notice } from "../../ui";
import { useUser } from "../../user";

/** Money out: first what it comes to, then the signature. */
export function PayOut({ free }: { free: string | undefined }) {
  const { account } = useUser();
  const [amount, setAmount] = useState("");
  const [creditor, setCreditor] = useState("");
  const [iban, setIban] = useState("");
  const [prepared, setPrepared] = useState<PreparedPayout>();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<string | Error>();
  if (!account) return null;
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setOutcome(undefined);
    try {
      await work();
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  const prepare = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => setPrepared(await api.preparePayout(amount, creditor.trim(), iban)));
  };
  const confirm = (wanted: PreparedPayout) =>
    run(async () => {
      const signed = await signPayout(wanted, account.custody);
      if ("withdrawal" in signed) {
        await api.requestPayout(wanted.terms, signed);
        setOutcome("The payout is on its way. The table below follows it.");
      } else {
        setOutcome("It is large and waits for a member of staff. You find it under “What is signed for you”.");
      }
      setPrepared(undefined);
      setAmount("");
    });
  return (
    <Card title="Pay out to your bank" id="pay-out">
      {prepared ? (
        <Confirm prepared={prepared} busy={busy} onConfirm={confirm} onBack={() => setPrepared(undefined)} />
      ) : (
        <form className="form wide" onSubmit={prepare}>
          <Field label="Amount" hint={free ? `At most $${money(free, 2)}, less what open orders hold.` : undefined}>
            {(attributes) => (
              <input
                {...attributes}
                required
                inputMode="decimal"
                pattern="[0-9]+([.][0-9]{1,2})?"
                placeholder="25.00"
                value={amount}
                onChange={(event) => setAmount(event.target.value)}
              />
            )}
          </Field>
          <Field label="Account holder" hint="As your bank knows it.">
            {(attributes) => (
              <input
                {...attributes}
                required
                maxLength={70}
                autoComplete="name"
                value={creditor}
                onChange={(event) => setCreditor(event.target.value)}
              />
            )}
          </Field>
          <Field label="IBAN">
            {(attributes) => (
              <input
                {...attributes}
                required
                maxLength={42}
                autoComplete="off"
                spellCheck={false}
                placeholder="DE89 3704 0044 0532 0130 00"
                value={iban}
                onChange={(event) => setIban(event.target.value)}
              />
            )}
          </Field>
          <button type="submit" disabled={busy}>
            Continue
          </button>
        </form>
      )}
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
    </Card>
  );
}

function Confirm(props: {
  prepared: PreparedPayout;
  busy: boolean;
  onConfirm: (prepared: PreparedPayout) => void;
  onBack: () => void;
}) {
  const { prepared, busy } = props;
  const { terms, currency } = prepared;
  return (
    <>
      <Facts
        items={[
          ["Amount", `${money(terms.amount, 2)} ${currency}`],
          ["To", terms.creditor],
          ["IBAN", spaced(terms.iban)],
          ["It costs", `${money(prepared.fee, 2)} ${currency}`],
          [
            "When",
            `It leaves the market in ${duration(prepared.delay_seconds)}. Then the community asks its bank, ` +
              "which takes one or two working days.",
          ],
          ["On the chain", <Hash key="d" value={prepared.destination} />],
        ]}
      />
      <p className="hint">The chain sees the amount and a hash: neither your name nor your account number.</p>
      <div className="row-actions">
        <button type="button" className="quiet" onClick={props.onBack} disabled={busy}>
          Back
        </button>
        <button type="button" className="primary" onClick={() => props.onConfirm(prepared)} disabled={busy}>
          {busy ? "Signing…" : "Sign and pay out"}
        </button>
      </div>
    </>
  );
}
