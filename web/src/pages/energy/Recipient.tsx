import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { useLoad } from "../../live";
import type { DocumentParty } from "../../types";
import { Card, Load } from "../../ui";
import { Outcome, useWork } from "../../work";
import { PartyFields, partyOf, textsOf } from "./PartyFields";

/** Whose name and address stand on the documents of an account. */
export function Recipient() {
  const customer = useLoad("customer", api.customer);
  return (
    <Card title="Name and address on your documents" id="recipient">
      <p className="hint">
        PDF and XML of your bills name you. Without a name they say the one that others see. Nothing of this goes on
        chain, and it is gone when you take it back.
      </p>
      <Load of={customer}>{(known) => <Form known={known} reload={customer.reload} />}</Load>
    </Card>
  );
}

function Form({ known, reload }: { known: DocumentParty | null; reload: () => void }) {
  const [texts, setTexts] = useState(textsOf(known));
  const { busy, outcome, run } = useWork();
  const attempt = (action: Promise<unknown>, done: string) =>
    void run(async () => {
      await action;
      reload();
      return done;
    });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt(api.setCustomer(partyOf(texts)), "Kept.");
  };
  const forget = () => {
    setTexts(textsOf(null));
    attempt(api.forgetCustomer(), "Taken back.");
  };
  return (
    <>
      <form className="form wide" onSubmit={submit}>
        <PartyFields texts={texts} change={setTexts} />
        <div className="row-actions">
          <button type="submit" disabled={busy}>
            Keep
          </button>
          {known && (
            <button type="button" className="quiet" disabled={busy} onClick={forget}>
              Take it back
            </button>
          )}
        </div>
      </form>
      <Outcome of={outcome} />
    </>
  );
}

