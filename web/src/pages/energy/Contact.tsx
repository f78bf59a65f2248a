import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { SelectField, TextField } from "../../fields";
import { utc } from "../../format";
import { useLoad } from "../../live";
import type { Contact as ContactView, LetterKind } from "../../types";
import { Badge, Card, Load, Notice, Standing, Table } from "../../ui";
import { isStaff, useUser } from "../../user";
import { DELIVERY_STATES } from "../../webhook";
import { Outcome, useWork } from "../../work";

const LANGUAGES: Record<string, string> = {
  en: "English",
  "en-IN": "English (India)",
  de: "Deutsch",
  fr: "Français",
  nl: "Nederlands",
  "hi-Latn": "Hindi (Latin script)",
};

const WANTS: Record<LetterKind, string> = {
  bill: "A bill was issued, with its PDF",
  reminder: "A bill is not paid",
  dispute: "A dispute was decided",
  approval: "A signature waits for a second person",
};

/** Where messages are sent to whoever is signed in, and of what. */
export function Contact() {
  const contact = useLoad("contact", api.contact);
  return (
    <Card title="Messages by e-mail" id="contact">
      <p className="hint">
        Nothing is sent before you have entered the code that comes to the address, and nothing any more once you take
        it back.
      </p>
      <Load of={contact}>{(known) => <Form known={known} reload={contact.reload} />}</Load>
    </Card>
  );
}

function Form({ known, reload }: { known: ContactView | null; reload: () => void }) {
  const user = useUser();
  const [address, setAddress] = useState(known?.address ?? "");
  const [language, setLanguage] = useState(known?.language ?? "en");
  const [wants, setWants] = useState<LetterKind[]>(known?.wants ?? ["bill", "reminder", "dispute"]);
  const [code, setCode] = useState("");
  const { busy, outcome, run } = useWork();
  const attempt = (action: () => Promise<unknown>, said: string) =>
    void run(async () => {
      await action();
      reload();
      return said;
    });
  const keep = (event: FormEvent) => {
    event.preventDefault();
    const same = known?.confirmed && known.address === address;
    attempt(() => api.setContact({ address, language, wants }), same ? "Kept." : "A code is on its way to the address.");
  };
  const confirm = (event: FormEvent) => {
    event.preventDefault();
    attempt(() => api.confirmContact(code.trim()), "Confirmed.");
  };
  const toggle = (kind: LetterKind) =>
    setWants(wants.includes(kind) ? wants.filter((one) => one !== kind) : [...wants, kind]);
  const kinds = (Object.keys(WANTS) as LetterKind[]).filter((kind) => kind !== "approval" || isStaff(user));
  return (
    <>
      <form className="form wide" onSubmit={keep}>
        <TextField label="Address" type="email" maxLength={254} required value={address} onChange={setAddress} />
        <SelectField label="Language" value={language} onChange={setLanguage}>
          {Object.entries(LANGUAGES).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </SelectField>
        <fieldset className="choices">
          <legend>Of what</legend>
          {kinds.map((kind) => (
            <label key={kind}>
              <input type="checkbox" checked={wants.includes(kind)} onChange={() => toggle(kind)} />
              <span>{WANTS[kind]}</span>
            </label>
          ))}
        </fieldset>
        <div className="row-actions">
          <button type="submit" disabled={busy}>
            Keep
          </button>
          {known && (
            <button
              type="button"
              className="quiet"
              disabled={busy}
              onClick={() => attempt(api.forgetContact, "Taken back.")}
            >
              Take it back
            </button>
          )}
        </div>
      </form>
      {known && !known.confirmed && (
        <form className="form" onSubmit={confirm}>
          <Notice tone="info">Enter the code that was sent to {known.address}. It is good for thirty minutes.</Notice>
          <TextField label="Code" inputMode="numeric" autoComplete="one-time-code" required value={code} onChange={setCode} />
          <button type="submit" disabled={busy}>
            Confirm
          </button>
        </form>
      )}
      <Outcome of={outcome} />
      {known?.confirmed && (
        <p>
          <Badge tone="good">Confirmed</Badge> Messages go to {known.address}.
        </p>
      )}
      {known && known.letters.length > 0 && (
        <Table
          caption="The last messages to you, newest first"
          rows={known.letters}
          rowKey={(one) => `${one.at} ${one.subject}`}
          empty={null}
          columns={[
            { head: "When", cell: (one) => utc(one.at) },
            { head: "Subject", cell: (one) => one.subject },
            { head: "State", cell: (one) => <Standing of={DELIVERY_STATES[one.state]} reason={one.error} /> },
          ]}
        />
      )}
    </>
  );
}
