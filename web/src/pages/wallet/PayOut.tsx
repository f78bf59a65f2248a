import { type FormEvent, type ReactNode, useState } from "react";
import { sameAddress } from "../../address";
import * as api from "../../api";
import { type Unit, amountIn, namedIn } from "../../currency";
import { AmountField, TextField } from "../../fields";
import { MONEY_SCALE, money, readDecimal } from "../../format";
import { checkPayout, destinationOf, duration } from "../../payout";
import { signPayout } from "../../sign";
import { Signing, SigningFlow, type SigningOf, WAITS_FOR_CONSENT, useSigning } from "../../signing";
import type { Account, Custody, OutsideView, PayoutWish, PreparedPayout } from "../../types";
import { Card, Hash } from "../../ui";
import { useUser } from "../../user";

/** Money out. */
export function PayOut({ unit, free }: { unit: Unit; free: string | undefined }) {
  const { account } = useUser();
  if (!account) return null;
  const less = unit.traded ? ", less what open orders hold" : "";
  const hint = free ? `At most ${amountIn(unit, free)}${less}.` : undefined;
  return (
    <Card title="Pay out to your bank" id="pay-out">
      <Form account={account} from={account.address} unit={unit} hint={hint} />
    </Card>
  );
}

/** Where a payout of a currency, from an address, stands between the wish and the signature. */
function usePayout(from: string, unit: Unit) {
  const signing = useSigning<PreparedPayout>();
  const prepare = (wish: PayoutWish) =>
    signing.prepare(async () => {
      const prepared = await api.preparePayout({ ...wish, ...namedIn(unit) }, from);
      return checkPayout(prepared, wish, from, unit);
    });
  return { ...signing, prepare };
}

/** What of the own money is outside of trading, at each of the own addresses. */
export function Outside({ unit, at }: { unit: Unit; at: OutsideView[] }) {
  const { account } = useUser();
  if (!account) return null;
  // The address in force is there always: what was said of it stays when nothing waits any more.
  const now = at.find((one) => sameAddress(one.address, account.address));
  const others = at.filter((one) => one !== now);
  const all = [now ?? { address: account.address, amount: "0" }, ...others];
  return all.map((one) => <Waiting key={one.address} account={account} unit={unit} at={one} />);
}

/** What waits at one address, and the two ways it can go. */
function Waiting({ account, unit, at }: { account: Account; unit: Unit; at: OutsideView }) {
  const { address, amount } = at;
  const [toBank, setToBank] = useState(false);
  const back = usePayout(address, unit);
  const waits = readDecimal(amount, MONEY_SCALE) > 0n;
  if (!(waits || back.outcome)) return null;
  return (
    <Card
      title="Waiting outside of trading"
      id={`outside-${address}`}
      aside={waits && <b className="total">{amountIn(unit, amount)}</b>}
    >
      <p className="hint">
        This is yours and left trading, but nothing says where to: a payout ran out of time, or you took it out
        yourself. Sign where it goes; that costs nothing.
      </p>
      <Reviewed of={back} account={account} unit={unit}>
        {waits && (
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
              {unit.traded ? "Put back into trading" : "Put back into the wallet"}
            </button>
          </div>
        )}
      </Reviewed>
      {waits && toBank && !back.prepared && (
        <Form account={account} from={address} unit={unit} hint={`At most ${amountIn(unit, amount)}.`} outside />
      )}
    </Card>
  );
}

function Reviewed(props: {
  of: Omit<SigningOf<PreparedPayout>, "prepare">;
  account: Account;
  unit: Unit;
  children: ReactNode;
}) {
  const { of, account, unit } = props;
  const review = (prepared: PreparedPayout) => (
    <Confirm prepared={prepared} custody={account.custody} unit={unit} onDone={of.done} onBack={of.back} />
  );
  return (
    <SigningFlow of={of} review={review}>
      {props.children}
    </SigningFlow>
  );
}

interface FormProps {
  account: Account;
  /** The address that pays. */
  from: string;
  unit: Unit;
  hint: string | undefined;
  outside?: boolean;
}

function Form({ account, from, unit, hint, outside }: FormProps) {
  const [amount, setAmount] = useState("");
  const [creditor, setCreditor] = useState("");
  const [iban, setIban] = useState("");
  const payout = usePayout(from, unit);
  const prepare = (event: FormEvent) => {
    event.preventDefault();
    void payout.prepare({ amount, creditor: creditor.trim(), iban, ...(outside && { outside }) });
  };
  return (
    <Reviewed of={payout} account={account} unit={unit}>
      <form className="form wide" onSubmit={prepare}>
        <AmountField
          label={unit.sign ? "Amount" : `Amount (${unit.code})`}
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
    </Reviewed>
  );
}

function Confirm(props: {
  prepared: PreparedPayout;
  custody: Custody;
  unit: Unit;
  onDone: (said: string) => void;
  onBack: () => void;
}) {
  const { prepared, custody, unit, onDone } = props;
  const { terms, currency } = prepared;
  const toBank = terms.iban !== "";
  const when = toBank
    ? "Then the community asks its bank, which takes one or two working days."
    : `It is free ${unit.traded ? "to trade with" : "again"} after a few blocks.`;
  const leaves = prepared.withdrawal ? `It leaves the market in ${duration(prepared.delay_seconds)}. ` : "";
  const sign = async () => {
    const signed = await signPayout(prepared, custody);
    if (!("redemption" in signed)) return onDone(WAITS_FOR_CONSENT);
    await api.requestPayout(terms, signed, namedIn(unit).currency);
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
