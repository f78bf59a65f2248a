import { type ReactNode, type SyntheticEvent, useState } from "react";
import * as api from "../api";
import { go, Link } from "../route";
import { hasWallet, logInWithWallet, proveKey } from "../sign";
import type { NewParty } from "../types";
import { Field, Notice, Page } from "../ui";

function Welcome({ children }: { children: ReactNode }) {
  return (
    <div className="welcome">
      <div className="welcome-text">
        <p className="claim">Your roof, your neighbours, your price.</p>
        <ul>
          <li>Buy and sell electricity next door, slot by slot.</li>
          <li>Money moves only as a public contract allows.</li>
          <li>Every line of the bill can be checked, back to your meter.</li>
        </ul>
      </div>
      {children}
    </div>
  );
}

/** Runs a form's action and keeps what went wrong. */
function useSubmit(action: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    action()
      .catch((problem: Error) => setError(problem))
      .finally(() => setBusy(false));
  };
  return { busy, error, submit };
}

export function Login({ next }: { next: string }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const proceed = () => go(next.startsWith("/login") || !/^\/[^/]/.test(next) ? "/" : next, true);
  const form = useSubmit(async () => {
    await api.logIn(email, password);
    proceed();
  });
  const wallet = useSubmit(async () => {
    await logInWithWallet();
    proceed();
  });
  const error = form.error ?? wallet.error;
  return (
    <Page name="login" title="Sign in">
      <Welcome>
        <form className="card form" onSubmit={form.submit}>
          {error && <Notice tone="bad">{error.message}</Notice>}
          <Field label="Email">
            {(attributes) => (
              <input
                {...attributes}
                type="email"
                name="email"
                autoComplete="username"
                required
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
          <Field label="Password">
            {(attributes) => (
              <input
                {...attributes}
                type="password"
                name="password"
                autoComplete="current-password"
                required
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            )}
          </Field>
          <button type="submit" className="primary" disabled={form.busy}>
            Sign in
          </button>
          {hasWallet() ? (
            <>
              <button type="button" className="quiet" disabled={wallet.busy} onClick={wallet.submit}>
                {wallet.busy ? "Look at your wallet…" : "Sign in with a wallet"}
              </button>
              <p className="hint">For accounts whose key is in this browser. No password is needed.</p>
            </>
          ) : (
            <p className="hint">With a wallet in your browser you can sign in without a password. This one has none.</p>
          )}
          <p className="hint">
            New here? <Link href="/signup">Create an account</Link>. The{" "}
            <Link href="/explorer">explorer</Link> and the <Link href="/reserve">proof of reserve</Link> are open to everyone.
          </p>
        </form>
      </Welcome>
    </Page>
  );
}

export function SignUp() {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [pseudonym, setPseudonym] = useState("");
  const [role, setRole] = useState<"consumer" | "prosumer">("consumer");
  const [own, setOwn] = useState(false);
  const form = useSubmit(async () => {
    const party: NewParty = { name, email, role };
    if (password) party.password = password;
    if (pseudonym) party.pseudonym = pseudonym;
    if (own) {
      const { address, nonce, signature } = await proveKey();
      party.own_key = { address, nonce, signature };
    }
    await api.signUp(party);
    if (password) await api.logIn(email, password);
    else await logInWithWallet();
    go("/", true);
  });
  return (
    <Page name="signup" title="Create an account">
      <Welcome>
        <form className="card form" onSubmit={form.submit}>
          {form.error && <Notice tone="bad">{form.error.message}</Notice>}
          <Field label="Name" hint="Only the operator sees it; others see a pseudonym.">
            {(attributes) => (
              <input
                {...attributes}
                name="name"
                autoComplete="name"
                required
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          <Field label="Email">
            {(attributes) => (
              <input
                {...attributes}
                type="email"
                name="email"
                autoComplete="username"
                required
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
          <Field
            label="Password"
            hint={own ? "Leave it empty to sign in with your wallet alone; else at least 12 characters." : "At least 12 characters."}
          >
            {(attributes) => (
              <input
                {...attributes}
                type="password"
                name="password"
                autoComplete="new-password"
                minLength={12}
                required={!own}
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            )}
          </Field>
          <Field label="Pseudonym" hint="What neighbours see. Leave it empty to be given one.">
            {(attributes) => (
              <input
                {...attributes}
                name="pseudonym"
                autoComplete="nickname"
                maxLength={32}
                value={pseudonym}
                onChange={(event) => setPseudonym(event.target.value)}
              />
            )}
          </Field>
          <fieldset className="choices">
            <legend>You</legend>
            <label>
              <input type="radio" name="role" checked={role === "consumer"} onChange={() => setRole("consumer")} />
              use electricity
            </label>
            <label>
              <input type="radio" name="role" checked={role === "prosumer"} onChange={() => setRole("prosumer")} />
              use it and feed it in
            </label>
          </fieldset>
          <fieldset className="choices">
            <legend>Your key</legend>
            <label>
              <input type="radio" name="custody" checked={!own} onChange={() => setOwn(false)} />
              the operator keeps it and signs for you
            </label>
            <label>
              <input
                type="radio"
                name="custody"
                checked={own}
                disabled={!hasWallet()}
                onChange={() => setOwn(true)}
              />
              stays in your browser's wallet
            </label>
            {!hasWallet() && <p className="hint">This browser has no wallet.</p>}
          </fieldset>
          {own && !password && (
            <p className="hint">Your wallet asks you twice: to prove your key, then to sign in.</p>
          )}
          <button type="submit" className="primary" disabled={form.busy}>
            Create account
          </button>
          <p className="hint">
            Already a member? <Link href="/login">Sign in</Link>
          </p>
        </form>
      </Welcome>
    </Page>
  );
}
