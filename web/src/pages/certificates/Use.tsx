import { type ReactNode, useEffect, useRef, useState } from "react";
import { readRecipient } from "../../address";
import { type CertificateRequest, beneficiaryError, leftOf, readWh, whError } from "../../certificate";
import { AmountField, Form, TextField } from "../../fields";
import { count } from "../../format";
import { recipientError } from "../../request";
import { SigningFlow, onceFacts, prepareRequest, recipientFacts, saidOf, useSigning } from "../../signing";
import type { Account, AccountRequest, Approval, CertificateWish, Holding, PreparedRequest } from "../../types";
import { Card, Facts, Hash } from "../../ui";
import { RecipientField } from "../wallet/RecipientField";
import { Review } from "../wallet/Review";
import { slotOf } from "./HoldingTable";

/** What is done with which certificate; each turn opens the form anew. */
export interface Chosen {
  holding: Holding;
  use: "give" | "retire";
  turn: number;
}

interface Props {
  account: Account;
  chosen: Chosen;
  requests: CertificateRequest[];
  zone: string | undefined;
  onSent: () => void;
  onClose: () => void;
}

const SENT = "It is on its way. The table below follows it.";

/** Gives a part of a certificate away, or retires it: a form, then what is signed. */
export function Use({ account, chosen, requests, zone, onSent, onClose }: Props) {
  const { holding, use } = chosen;
  const gives = use === "give";
  const left = leftOf(holding, requests);
  const [whom, setWhom] = useState("");
  const [amountText, setAmount] = useState(left.toString());
  const [tried, setTried] = useState(false);
  const signing = useSigning<PreparedRequest>(() => {
    setWhom("");
    setTried(false);
    onSent();
  });
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const wh = readWh(amountText);
  const problems = {
    whom: gives ? recipientError(whom, account) : beneficiaryError(whom),
    amount: whError(wh, left),
  };

  const prepare = () => {
    setTried(true);
    const to = readRecipient(whom);
    if (problems.whom || problems.amount || wh === null || (gives && !to)) return;
    const of = { certificate: holding.certificate, wh: Number(wh) };
    const wish: CertificateWish = gives
      ? { kind: "certificate_transfer", to: to!, ...of }
      : { kind: "certificate_retirement", beneficiary: whom.trim(), ...of };
    void signing.prepare(() => prepareRequest(account, wish));
  };
  const whomField = { error: tried ? problems.whom : undefined, value: whom, onChange: setWhom, focus: first };

  return (
    <Card
      title={gives ? "Give a certificate away" : "Retire a certificate"}
      id="use-certificate"
      aside={
        <button type="button" className="quiet small" onClick={onClose}>
          Close
        </button>
      }
    >
      <Facts
        items={[
          ["Delivered", slotOf(holding, zone)],
          ["Source", `${holding.source_name} (${holding.source})`],
          ["Left of it", `${count(left)} Wh`],
        ]}
      />
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <UseReview
            prepared={prepared}
            entered={whom.trim()}
            zone={zone}
            onDone={(sent) => signing.done(saidOf(sent, SENT))}
            onBack={signing.back}
          />
        )}
      >
        <Form wide onSubmit={prepare}>
          {gives ? (
            <RecipientField hint="An address (0x…) or an account's id of the community." {...whomField} />
          ) : (
            <TextField
              label="For whom"
              hint="A name, and a period if you like. Everybody can read it on the chain."
              required
              maxLength={200}
              autoComplete="off"
              spellCheck={false}
              placeholder="Bakery Weber, 2026"
              {...whomField}
            />
          )}
          <AmountField
            label="How much (Wh)"
            hint={`At most ${count(left)} Wh.`}
            error={tried ? problems.amount : undefined}
            required
            inputMode="numeric"
            value={amountText}
            onChange={setAmount}
          />
          <button type="submit" disabled={signing.busy}>
            Review
          </button>
        </Form>
      </SigningFlow>
    </Card>
  );
}

function UseReview(props: {
  prepared: PreparedRequest;
  entered: string;
  zone: string | undefined;
  onDone: (sent: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared, entered, zone } = props;
  const { terms } = prepared;
  if (terms.kind !== "certificate_transfer" && terms.kind !== "certificate_retirement") return null;
  const gives = terms.kind === "certificate_transfer";
  const whom: [string, ReactNode][] = gives ? recipientFacts(terms.to, entered) : [["For", terms.beneficiary]];
  return (
    <Review
      prepared={prepared}
      action={gives ? "Sign and give" : "Sign and retire"}
      onDone={props.onDone}
      onBack={props.onBack}
      facts={[
        ["Energy", `${count(BigInt(terms.amount))} Wh`],
        ...whom,
        ["Certificate", <Hash key="c" value={terms.certificate} />],
        ...onceFacts(terms, zone),
      ]}
    >
      <p>{gives ? "Nobody can take it back once it is in a block." : "What is retired is gone for good."}</p>
    </Review>
  );
}
