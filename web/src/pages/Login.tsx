import { type FormEvent, type ReactNode, useState } from "react";
import * as api from "../api";
import { TextField } from "../fields";
import { go, Link } from "../route";
import { hasWallet, logInWithWallet, proveKey } from "../sign";
import type { NewParty } from "../types";
import { Page } from "../ui";
import { Outcome, useWork } from "../work";

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

function EmailField({ value, onChange }: { value: string; onChange: (email: string) => void }) {
  return <TextField label="Email" type="email" name="email" autoComplete="username" required value={value} onChange={onChange} />;
}

export function Login({ next }: { next: string }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const proceed = () => go(next.startsWith("/login") || !/^\/[^/]/.test(next) ? "/" : next, true);
  const form = useWork();
  const wallet = useWork();
  const withPassword = (event: FormEvent) => {
    event.preventDefault();
    wallet.say(undefined);
    void form.run(async () => {
      await api.logIn(email, password);
      proceed();
    });
  };
  const withWallet = () => {
    form.say(undefined);
    void wallet.run(async () => {
      await logInWithWallet();
      proceed();
    });
  };
  return (
    <Page name="login" title="Sign in">
      <Welcome>
        <form className="card form" onSubmit={withPassword}>
          <Outcome of={form.outcome ?? wallet.outcome} />
          <EmailField value={email} onChange={setEmail} />
          <TextField
            label="Password"
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={setPassword}
          />
          <button type="submit" className="primary" disabled={form.busy}>
            Sign in
          </button>
          {hasWallet() ? (
            <>
              <button type="button" className="quiet" disabled={wallet.busy} onClick={withWallet}>
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
  const { busy, outcome, run } = useWork();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
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
  };
  return (
    <Page name="signup" title="Create an account">
      <Welcome>
        <form className="card form" onSubmit={submit}>
          <Outcome of={outcome} />
          <TextField
            label="Name"
            hint="Only the operator sees it; others see a pseudonym."
            name="name"
            autoComplete="name"
            required
            value={name}
            onChange={setName}
          />
          <EmailField value={email} onChange={setEmail} />
          <TextField
            label="Password"
            hint={own ? "Leave it empty to sign in with your wallet alone; else at least 12 characters." : "At least 12 characters."}
            type="password"
            name="password"
            autoComplete="new-password"
            minLength={12}
            required={!own}
            value={password}
            onChange={setPassword}
          />
          <TextField
            label="Pseudonym"
            hint="What neighbours see. Leave it empty to be given one."
            name="pseudonym"
            autoComplete="nickname"
            maxLength={32}
            value={pseudonym}
            onChange={setPseudonym}
          />
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
          <fieldset className="choices" aria-describedby="custody-risk">
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
          <div className="flow hint" id="custody-risk">
            <p>
              <strong>Kept by the operator:</strong> nothing to set up. But who has your key can do all that you can: trade
              in your name, send away all of your cash. Its limits and its second pair of eyes are rules that it gave
              itself. Your bills then prove nothing against the operator.
            </p>
            <p>
              <strong>In your wallet:</strong> nobody else can sign an order or move your cash, the operator neither, and
              your bills hold against it, too. You confirm each time. If you lose this key, nobody can restore it, and the
              cash at its address is lost: keep a backup of the wallet.
            </p>
            <p>You can change from the operator's key to your own later, in the wallet.</p>
          </div>
          {own && !password && (
            <p className="hint">Your wallet asks you twice: to prove your key, then to sign in.</p>
          )}
          <button type="submit" className="primary" disabled={busy}>
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
