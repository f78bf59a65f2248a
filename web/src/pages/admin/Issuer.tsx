import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { useLoad } from "../../live";
import type { Issuer as IssuerTerms } from "../../types";
import { Card, Field, Load, Notice } from "../../ui";
import { PartyFields, partyOf, textsOf } from "../energy/PartyFields";

/** Who issues the community's documents. */
export function Issuer() {
  const issuer = useLoad("issuer", api.issuer);
  return (
    <Card title="Who issues bills" id="issuer">
      <p className="hint">PDF and XML of bills (EN 16931) name the issuer. Until it is said there are none.</p>
      <Load of={issuer}>{(known) => <Form known={known} reload={issuer.reload} />}</Load>
    </Card>
  );
}

function Form({ known, reload }: { known: IssuerTerms | null; reload: () => void }) {
  const [texts, setTexts] = useState(textsOf(known?.party ?? null));
  const [id, setId] = useState(known?.party.id ?? "");
  const [days, setDays] = useState(String(known?.payment_days ?? 14));
  const [exemption, setExemption] = useState(known?.exemption ?? "Neighbours are not taxable persons");
  const [contact, setContact] = useState(known?.dispute?.contact ?? "");
  const [said, setSaid] = useState<string | Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setSaid(undefined);
    try {
      await api.setIssuer({
        party: { ...known?.party, id, ...partyOf(texts) },
        payment_days: Number(days),
        exemption,
        ...(contact ? { dispute: { ...known?.dispute, contact } } : {}),
      });
      setSaid("Kept.");
      reload();
    } catch (problem) {
      setSaid(problem as Error);
    }
  };
  const text = (label: string, value: string, set: (value: string) => void, required: boolean, hint?: string) => (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(attributes) => (
        <input {...attributes} required={required} value={value} onChange={(event) => set(event.target.value)} />
      )}
    </Field>
  );
  return (
    <>
      <form className="form wide" onSubmit={submit}>
        {text("Number", id, setId, true, "What customers know the issuer by: a register, a GLN.")}
        <PartyFields texts={texts} change={setTexts} />
        <Field label="Days to pay">
          {(attributes) => (
            <input
              {...attributes}
              type="number"
              min={0}
              max={365}
              required
              value={days}
              onChange={(event) => setDays(event.target.value)}
            />
          )}
        </Field>
        {text("Why neighbours' energy bears no tax", exemption, setExemption, true)}
        {text("Whom to ask about a bill", contact, setContact, false)}
        <button type="submit">Keep</button>
      </form>
      {said instanceof Error && <Notice tone="bad">{said.message}</Notice>}
      {typeof said === "string" && <Notice tone="good">{said}</Notice>}
    </>
  );
}
