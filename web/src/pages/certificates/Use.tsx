import { type FormEvent, useEffect, useRef, useState } from "react";
import { readRecipient } from "../../address";
import * as api from "../../api";
import { type CertificateRequest, beneficiaryError, leftOf, readWh, whError } from "../../certificate";
import { count, moment } from "../../format";
import { checkPrepared, recipientError } from "../../request";
import { timestamp } from "../../slots";
import type { Account, AccountRequest, Approval, CertificateWish, Holding, PreparedRequest } from "../../types";
import { Card, Facts, Field, Hash, Notice } from "../../ui";
import { Review, WAITS_FOR_CONSENT } from "../wallet/Review";
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
  const [prepared, setPrepared] = useState<PreparedRequest>();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<string | Error>();
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const wh = readWh(amountText);
  const problems = {
    whom: gives ? recipientError(whom, account) : beneficiaryError(whom),
    amount: whError(wh, left),
  };

  const prepare = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    setOutcome(undefined);
    const to = readRecipient(whom);
    if (problems.whom || problems.amount || wh === null || (gives && !to)) return;
    const of = { certificate: holding.certificate, wh: Number(wh) };
    const wish: CertificateWish = gives
      ? { kind: "certificate_transfer", to: to!, ...of }
      : { kind: "certificate_retirement", beneficiary: whom.trim(), ...of };
    setBusy(true);
    try {
      setPrepared(checkPrepared(await api.prepareRequest(wish), wish, account.address));
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  const done = (sent: AccountRequest | Approval) => {
    setOutcome("approval" in sent ? WAITS_FOR_CONSENT : SENT);
    setPrepared(undefined);
    setWhom("");
    setTried(false);
    onSent();
  };

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
      {prepared ? (
        <UseReview
          prepared={prepared}
          entered={whom.trim()}
          zone={zone}
          onDone={done}
          onBack={() => setPrepared(undefined)}
        />
      ) : (
        <form className="form wide" onSubmit={prepare} noValidate>
          <Field
            label={gives ? "To" : "For whom"}
            hint={
              gives
                ? "An address (0x…) or an account's id of the community."
                : "A name, and a period if you like. Everybody can read it on the chain."
            }
            error={tried ? problems.whom : undefined}
          >
            {(attributes) => (
              <input
                {...attributes}
                ref={first}
                required
                maxLength={gives ? 80 : 200}
                autoComplete="off"
                spellCheck={false}
                placeholder={gives ? "0x…" : "Bakery Weber, 2026"}
                value={whom}
                onChange={(event) => setWhom(event.target.value)}
              />
            )}
          </Field>
          <Field
            label="How much (Wh)"
            hint={`At most ${count(left)} Wh.`}
            error={tried ? problems.amount : undefined}
          >
            {(attributes) => (
              <input
                {...attributes}
                required
                inputMode="numeric"
                autoComplete="off"
                value={amountText}
                onChange={(event) => setAmount(event.target.value)}
              />
            )}
          </Field>
          <button type="submit" disabled={busy}>
            Review
          </button>
        </form>
      )}
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
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
  const whom: [string, React.ReactNode][] = gives
    ? [
        ["To", <Hash key="t" value={terms.to} href={`/explorer/address/${terms.to.toLowerCase()}`} full />],
        ...(entered.toLowerCase().startsWith("0x") ? [] : [["Account", entered] satisfies [string, string]]),
      ]
    : [["For", terms.beneficiary]];
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
        ["Can be sent until", moment(timestamp(terms.expiry * 1000), zone)],
        ["One-time number", <Hash key="n" value={terms.nonce} />],
      ]}
    >
      <p>{gives ? "Nobody can take it back once it is in a block." : "What is retired is gone for good."}</p>
    </Review>
  );
}
