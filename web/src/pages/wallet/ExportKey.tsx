import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import type { ExportedKey } from "../../types";
import { Card, Field, Notice } from "../../ui";

/** What wallets call such a file. */
function fileName({ keystore }: ExportedKey): string {
  return `wattex-${keystore.address}.keystore.json`;
}

function keep(exported: ExportedKey) {
  save(new Blob([JSON.stringify(exported.keystore)], { type: "application/json" }), fileName(exported));
}

/** Takes a key away that the operator holds. */
export function ExportKey() {
  const [password, setPassword] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<ExportedKey | Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setOutcome(undefined);
    try {
      const exported = await api.exportKey(password, passphrase);
      keep(exported);
      setOutcome(exported);
      setPassword("");
      setPassphrase("");
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title="Take your key away" id="export-key">
      <Notice tone="warn">
        The operator has known this key since your account was opened and goes on signing with it. What it signs
        proves nothing against the operator. If you need that, open an account whose key stays in your wallet.
      </Notice>
      <form className="form wide" onSubmit={submit}>
        <Field label="Your password" hint="Once more, so that nobody else at your screen can do this.">
          {(attributes) => (
            <input
              {...attributes}
              type="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
        <Field label="Passphrase of the file" hint="At least 12 characters, and not your password. Nobody can restore it.">
          {(attributes) => (
            <input
              {...attributes}
              type="password"
              autoComplete="new-password"
              minLength={12}
              required
              value={passphrase}
              onChange={(event) => setPassphrase(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" disabled={busy}>
          {busy ? "Encrypting…" : "Download the key"}
        </button>
      </form>
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {outcome && !(outcome instanceof Error) && (
        <Notice tone="good">
          Saved as {fileName(outcome)}. Wallets open it with the passphrase. {outcome.notice}
        </Notice>
      )}
    </Card>
  );
}
