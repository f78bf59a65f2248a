import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { AmountField, TextField } from "../../fields";
import { MONEY_SCALE, money, readDecimal } from "../../format";
import { destinationOf, duration } from "../../payout";
import { signPayout } from "../../sign";
import { Signing, SigningFlow, WAITS_FOR_CONSENT, useSigning } from "../../signing";
import type { Custody, PreparedPayout } from "../../types";
import { Card, Hash } from "../../ui";
import { useUser } from "../../user";

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
  const back = useSigning<PreparedPayout>();
  const waits = amount !== undefined && readDecimal(amount, MONEY_SCALE) > 0n;
  if (!account || !(waits || back.outcome)) return null;
  return (
    <Card title="Waiting outside of trading" id="outside" aside={waits && <b className="total">${money(amount, 2)}</b>}>
      <p className="hint">
        This is yours and left trading, but nothing says where to: a payout ran out of time, or you took it out
        yourself. Sign where it goes; that costs nothing.
      </p>
      <SigningFlow
        of={back}
        review={(prepared) => <Confirm prepared={prepared} custody={account.custody} onDone={back.done} onBack={back.back} />}
      >
        {waits && (
          <div className="row-actions">
            <button type="button" onClick={() => setToBank(!toBank)} aria-expanded={toBank}>
              Pay out to your bank
            </button>
            <button
              type="button"
              className="primary"
              disabled={back.busy}
              onClick={() => back.prepare(() => api.preparePayout({ amount, outside: true }))}
            >
              Put back into trading
            </button>
          </div>
        )}
      </SigningFlow>
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
  const payout = useSigning<PreparedPayout>();
  const prepare = (event: FormEvent) => {
    event.preventDefault();
    const wish = { amount, creditor: creditor.trim(), iban, ...(outside && { outside }) };
    void payout.prepare(() => api.preparePayout(wish));
  };
  return (
    <SigningFlow
      of={payout}
      review={(prepared) => <Confirm prepared={prepared} custody={custody} onDone={payout.done} onBack={payout.back} />}
    >
      <form className="form wide" onSubmit={prepare}>
        <AmountField
          label="Amount"
          hint={hint}
          required
          pattern="[0-9]+([.][0-9]{1,2})?"
          placeholder="25.00"
          value={amount}
          onChange={setAmount}
        />
        <TextField
          label="Account holder"
          hint="As your bank knows it."
          required
          maxLength={70}
          autoComplete="name"
          value={creditor}
          onChange={setCreditor}
        />
        <TextField
          label="IBAN"
          required
          maxLength={42}
          autoComplete="off"
          spellCheck={false}
          placeholder="DE89 3704 0044 0532 0130 00"
          value={iban}
          onChange={setIban}
        />
        <button type="submit" disabled={payout.busy}>
          Continue
        </button>
      </form>
    </SigningFlow>
  );
}

function Confirm(props: {
  prepared: PreparedPayout;
  custody: Custody;
  onDone: (said: string) => void;
  onBack: () => void;
}) {
  const { prepared, custody, onDone } = props;
  const { terms, currency } = prepared;
  const toBank = terms.iban !== "";
  const when = toBank
    ? "Then the community asks its bank, which takes one or two working days."
    : "It is free to trade with after a few blocks.";
  const leaves = prepared.withdrawal ? `It leaves the market in ${duration(prepared.delay_seconds)}. ` : "";
  const sign = async () => {
    const signed = await signPayout(prepared, custody);
    if (!("redemption" in signed)) return onDone(WAITS_FOR_CONSENT);
    await api.requestPayout(terms, signed);
    onDone("It is on its way. The table of payouts below follows it.");
  };
  return (
    <Signing
      facts={[
        ["Amount", `${money(terms.amount, 2)} ${currency}`],
        ["To", destinationOf(terms)],
        ["It costs", `${money(prepared.fee, 2)} ${currency}`],
        ["When", leaves + when],
        ["On the chain", <Hash key="d" value={prepared.destination} />],
      ]}
      action={toBank ? "Sign and pay out" : "Sign and put back"}
      hint={toBank && "The chain sees the amount and a hash: neither your name nor your account number."}
      sign={sign}
      onBack={props.onBack}
    />
  );
}
