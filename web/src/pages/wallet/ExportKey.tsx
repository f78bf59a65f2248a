import { type FormEvent, useState } from "react";
import * as api from "../../api";
import { save } from "../../download";
import { TextField } from "../../fields";
import type { ExportedKey } from "../../types";
import { Card, Notice } from "../../ui";
import { Outcome, useWork } from "../../work";

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
  const { busy, outcome, run } = useWork<ExportedKey>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const exported = await api.exportKey(password, passphrase);
      keep(exported);
      setPassword("");
      setPassphrase("");
      return exported;
    });
  };
  return (
    <Card title="Take your key away" id="export-key">
      <Notice tone="warn">
        The operator has known this key since your account was opened and goes on signing with it. What it signs
        proves nothing against the operator. If you need that, open an account whose key stays in your wallet.
      </Notice>
      <form className="form wide" onSubmit={submit}>
        <TextField
          label="Your password"
          hint="Once more, so that nobody else at your screen can do this."
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={setPassword}
        />
        <TextField
          label="Passphrase of the file"
          hint="At least 12 characters, and not your password. Nobody can restore it."
          type="password"
          autoComplete="new-password"
          minLength={12}
          required
          value={passphrase}
          onChange={setPassphrase}
        />
        <button type="submit" disabled={busy}>
          {busy ? "Encrypting…" : "Download the key"}
        </button>
      </form>
      <Outcome of={outcome}>
        {(exported) => (
          <>
            Saved as {fileName(exported)}. Wallets open it with the passphrase. {exported.notice}
          </>
        )}
      </Outcome>
    </Card>
  );
}
