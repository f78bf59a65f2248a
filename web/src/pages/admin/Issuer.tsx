import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { TextField } from "../../fields";
import { useLoad } from "../../live";
import type { Issuer as IssuerTerms } from "../../types";
import { Card, Load } from "../../ui";
import { Outcome, useWork } from "../../work";
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
  const [fuelMix, setFuelMix] = useState(known?.fuel_mix ?? "");
  const [grams, setGrams] = useState(String(known?.co2_grams_per_kwh ?? ""));
  const [switching, setSwitching] = useState(known?.switching ?? "");
  const { busy, outcome, run } = useWork();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await api.setIssuer({
        party: { ...known?.party, id, ...partyOf(texts) },
        payment_days: Number(days),
        exemption,
        ...(contact ? { dispute: { ...known?.dispute, contact } } : {}),
        ...(fuelMix ? { fuel_mix: fuelMix } : {}),
        ...(grams ? { co2_grams_per_kwh: Number(grams) } : {}),
        ...(switching ? { switching } : {}),
      });
      reload();
      return "Kept.";
    });
  };
  return (
    <>
      <form className="form wide" onSubmit={submit}>
        <TextField
          label="Number"
          hint="What customers know the issuer by: a register, a GLN."
          required
          value={id}
          onChange={setId}
        />
        <PartyFields texts={texts} change={setTexts} />
        <TextField label="Days to pay" type="number" min={0} max={365} required value={days} onChange={setDays} />
        <TextField
          label="Why neighbours' energy bears no tax"
          required
          value={exemption}
          onChange={setExemption}
        />
        <TextField label="Whom to ask about a bill" value={contact} onChange={setContact} />
        <TextField
          label="Where your energy comes from"
          hint="Told on bills, such as 62 % wind, 38 % sun."
          value={fuelMix}
          onChange={setFuelMix}
        />
        <TextField label="CO2 of it (g per kWh)" type="number" min={0} value={grams} onChange={setGrams} />
        <TextField
          label="How one changes the supplier"
          hint="Told on bills: the right to it, how long it takes and what it costs."
          value={switching}
          onChange={setSwitching}
        />
        <button type="submit" disabled={busy}>
          Keep
        </button>
      </form>
      <Outcome of={outcome} />
    </>
  );
}
