import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { MONEY_SCALE, money, readDecimal } from "../../format";
import { destinationOf, duration } from "../../payout";
import { signPayout } from "../../sign";
import type { Custody, PayoutWish, PreparedPayout } from "../../types";
import { Card, Facts, Field, Hash, Notice } from "../../ui";
import { useUser } from "../../user";

/** What becomes of a wish to pay out: first what it comes to, then the signature. */
function usePayout(custody: Custody) {
  const [prepared, setPrepared] = useState<PreparedPayout>();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<string | Error>();
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
  return {
    prepared,
    busy,
    outcome,
    prepare: (wish: PayoutWish) => run(async () => setPrepared(await api.preparePayout(wish))),
    back: () => setPrepared(undefined),
    confirm: (wanted: PreparedPayout) =>
      run(async () => {
        const signed = await signPayout(wanted, custody);
        if ("redemption" in signed) {
          await api.requestPayout(wanted.terms, signed);
          setOutcome("It is on its way. The table of payouts below follows it.");
        } else {
          setOutcome("It is large and waits for a member of staff. You find it under “What is signed for you”.");
        }
        setPrepared(undefined);
      }),
  };
}

function Outcome({ of }: { of: string | Error | undefined }) {
  if (of instanceof Error) return <Notice tone="bad">{of.message}</Notice>;
  return of ? <Notice tone="good">{of}</Notice> : null;
}

/** Money out. */
export function PayOut({ free }: { free: string | undefined }) {
  const { account } = useUser();
  if (!account) return null;
  const hint = free ? `At most $${money(free, 2)}, less what open orders hold.` : undefined;
  return (
    <Card title="Pay out to your bank" id="pay-out">
      <Form custody={account.custody} hint={hint} />
    </Card>
  );
}

/** What of the own money is outside of trading, and the two ways it can go. */
export function Outside({ amount }: { amount: string | undefined }) {
  const { account } = useUser();
  const [toBank, setToBank] = useState(false);
  const back = usePayout(account?.custody ?? "own");
  const waits = amount !== undefined && readDecimal(amount, MONEY_SCALE) > 0n;
  if (!account || !(waits || back.outcome)) return null;
  return (
    <Card title="Waiting outside of trading" id="outside" aside={waits && <b className="total">${money(amount, 2)}</b>}>
      <p className="hint">
        This is yours and left trading, but nothing says where to: a payout ran out of time, or you took it out
        yourself. Sign where it goes; that costs nothing.
      </p>
      {waits && !back.prepared && (
        <div className="row-actions">
          <button type="button" onClick={() => setToBank(!toBank)} aria-expanded={toBank}>
            Pay out to your bank
          </button>
          <button
            type="button"
            className="primary"
            disabled={back.busy}
            onClick={() => back.prepare({ amount, outside: true })}
          >
            Put back into trading
          </button>
        </div>
      )}
      {back.prepared && <Confirm {...back} prepared={back.prepared} />}
      <Outcome of={back.outcome} />
      {waits && toBank && !back.prepared && (
        <Form custody={account.custody} hint={`At most $${money(amount, 2)}.`} outside />
      )}
    </Card>
  );
}

function Form({ custody, hint, outside }: { custody: Custody; hint: string | undefined; outside?: boolean }) {
  const [amount, setAmount] = useState("");
  const [creditor, setCreditor] = useState("");
  const [iban, setIban] = useState("");
  const payout = usePayout(custody);
  const { prepared, busy } = payout;
  const prepare = (event: FormEvent) => {
    event.preventDefault();
    void payout.prepare({ amount, creditor: creditor.trim(), iban, ...(outside && { outside }) });
  };
  return (
    <>
      {prepared ? (
        <Confirm {...payout} prepared={prepared} />
      ) : (
        <form className="form wide" onSubmit={prepare}>
          <Field label="Amount" hint={hint}>
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
      <Outcome of={payout.outcome} />
    </>
  );
}

function Confirm(props: {
  prepared: PreparedPayout;
  busy: boolean;
  confirm: (prepared: PreparedPayout) => Promise<void>;
  back: () => void;
}) {
  const { prepared, busy } = props;
  const { terms, currency } = prepared;
  const toBank = terms.iban !== "";
  const when = toBank
    ? "Then the community asks its bank, which takes one or two working days."
    : "It is free to trade with after a few blocks.";
  const leaves = prepared.withdrawal ? `It leaves the market in ${duration(prepared.delay_seconds)}. ` : "";
  return (
    <>
      <Facts
        items={[
          ["Amount", `${money(terms.amount, 2)} ${currency}`],
          ["To", destinationOf(terms)],
          ["It costs", `${money(prepared.fee, 2)} ${currency}`],
          ["When", leaves + when],
          ["On the chain", <Hash key="d" value={prepared.destination} />],
        ]}
      />
      {toBank && (
        <p className="hint">The chain sees the amount and a hash: neither your name nor your account number.</p>
      )}
      <div className="row-actions">
        <button type="button" className="quiet" onClick={props.back} disabled={busy}>
          Back
        </button>
        <button type="button" className="primary" onClick={() => props.confirm(prepared)} disabled={busy}>
          {busy ? "Signing…" : toBank ? "Sign and pay out" : "Sign and put back"}
        </button>
      </div>
    </>
  );
}
