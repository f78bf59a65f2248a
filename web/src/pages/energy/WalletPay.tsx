import { useState } from "react";
import * as api from "../../api";
import { AmountField, Form } from "../../fields";
import { MONEY_SCALE, money, parseDecimal, plainDecimal, readDecimal } from "../../format";
import { useLoad } from "../../live";
import { checkPrepared, keyOf, transferError } from "../../request";
import { signRequest } from "../../sign";
import { Signing, SigningFlow, SignedBy, WAITS_FOR_CONSENT, onceFacts, recipientFacts, useSigning } from "../../signing";
import type { Account, Invoice, InvoicePayment, PreparedRequest } from "../../types";
import { useUser } from "../../user";

/** Pays a bill with free money of the wallet, wholly or in part. */
export function WalletPay(props: { invoice: Invoice; payment: InvoicePayment; onPaid: () => void }) {
  const { account } = useUser();
  if (!account || account.account !== props.invoice.account) return null;
  return <Pay {...props} account={account} />;
}

function Pay(props: { invoice: Invoice; payment: InvoicePayment; account: Account; onPaid: () => void }) {
  const { invoice, payment, account } = props;
  const collector = useLoad("collecting account", api.collectingAccount);
  const left = readDecimal(payment.left, MONEY_SCALE);
  const write = (amount: bigint) => `${money(amount, MONEY_SCALE)} ${payment.currency}`;
  const [text, setText] = useState(plainDecimal(left, MONEY_SCALE));
  const [tried, setTried] = useState(false);
  const signing = useSigning<PreparedRequest>(() => props.onPaid());
  const amount = parseDecimal(text, MONEY_SCALE);
  const problem = transferError(amount, left, write);
  const to = collector.data?.account;
  const prepare = () => {
    setTried(true);
    if (problem || amount === null || !to) return;
    const said = plainDecimal(amount, MONEY_SCALE);
    // Whom the bill is paid to says the server: an account's id has no address to hold it against.
    const wish = { kind: "transfer", to, amount: said } as const;
    void signing.prepare(async () =>
      checkPrepared(await api.prepareWalletPayment(invoice.id, said), wish, account.address),
    );
  };
  return (
    <>
      <h3 className="section">Or out of your wallet</h3>
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <Confirm
            invoice={invoice}
            prepared={prepared}
            entered={to ?? ""}
            onDone={signing.done}
            onBack={signing.back}
            write={write}
          />
        )}
      >
        <Form onSubmit={prepare}>
          <AmountField
            label={`How much (${payment.currency})`}
            hint={`At most ${write(left)}. It comes out of what you have free.`}
            error={tried ? problem : undefined}
            required
            value={text}
            onChange={setText}
          />
          <button type="submit" disabled={signing.busy || !to}>
            Review
          </button>
        </Form>
      </SigningFlow>
    </>
  );
}

function Confirm(props: {
  invoice: Invoice;
  prepared: PreparedRequest;
  entered: string;
  write: (amount: bigint) => string;
  onDone: (said: string) => void;
  onBack: () => void;
}) {
  const { invoice, prepared, write } = props;
  const { account } = useUser();
  const { terms } = prepared;
  if (!account || terms.kind !== "transfer") return null;
  const sign = async () => {
    const signed = await signRequest(prepared, account.custody);
    if (typeof signed !== "string") {
      props.onDone(WAITS_FOR_CONSENT);
      return;
    }
    await api.payFromWallet(invoice.id, terms, signed, keyOf(terms));
    props.onDone("It is on its way: the bill has it when its block is final.");
  };
  return (
    <Signing
      facts={[
        ["Bill", invoice.number],
        ["Amount", write(readDecimal(terms.amount, MONEY_SCALE))],
        ...recipientFacts(terms.to, props.entered),
        ...onceFacts(terms, undefined),
      ]}
      action="Sign and pay"
      hint={<SignedBy shown="the same" />}
      sign={sign}
      onBack={props.onBack}
    >
      <p>Nobody can take it back once it is in a block.</p>
    </Signing>
  );
}
