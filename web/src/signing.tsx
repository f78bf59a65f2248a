// What an account signs: prepared by the server, checked here, signed by its wallet or by the operator's signer, and
// sent. Whatever is large waits for a second person between the last two.

import { type ReactNode, useEffect, useRef, useState } from "react";
import * as api from "./api";
import { moment } from "./format";
import { checkPrepared } from "./request";
import { timestamp } from "./slots";
import type { Account, AccountRequest, Approval, PreparedRequest, RequestWish } from "./types";
import { Address, Facts, Hash } from "./ui";
import { useUser } from "./user";
import { Outcome, useWork } from "./work";

/** What is said of something that the operator's signer does not sign alone. */
export const WAITS_FOR_CONSENT =
  "It is large and waits for a member of staff. You find it in your wallet under “What is signed for you”.";

export interface SigningOf<P> {
  /** What waits for the signature. */
  prepared: P | undefined;
  busy: boolean;
  outcome: string | Error | undefined;
  prepare: (load: () => Promise<P>) => Promise<boolean>;
  /** It is signed and sent, or waits: says so. */
  done: (said: string) => void;
  back: () => void;
}

/** Where something stands between the wish and the signature; `onDone` is when it was sent, or waits. */
export function useSigning<P>(onDone: () => void = () => undefined): SigningOf<P> {
  const [prepared, setPrepared] = useState<P>();
  const work = useWork();
  return {
    prepared,
    busy: work.busy,
    outcome: work.outcome,
    prepare: (load) =>
      work.run(async () => {
        setPrepared(await load());
      }),
    done: (said) => {
      setPrepared(undefined);
      work.say(said);
      onDone();
    },
    back: () => setPrepared(undefined),
  };
}

/** What a transfer, a mandate or something done with a certificate comes to, where that is what was wished; `market`
 * is that of the currency. It is signed by the account's present address, or by another one `at` which it was. */
export async function prepareRequest(account: Account, wish: RequestWish, market?: string, at?: string): Promise<PreparedRequest> {
  return checkPrepared(await api.prepareRequest(wish, at), wish, at ?? account.address, market);
}

/** What is said once a request is signed; `sent` where it is on its way. */
export function saidOf(answer: AccountRequest | Approval, sent: string): string {
  return "approval" in answer ? WAITS_FOR_CONSENT : sent;
}

/** A form, and in its place what is to be signed once it is prepared; below it what it came to. */
export function SigningFlow<P>(props: {
  of: Omit<SigningOf<P>, "prepare">;
  review: (prepared: P) => ReactNode;
  children: ReactNode;
}) {
  const { prepared, outcome } = props.of;
  const place = useRef<HTMLDivElement>(null);
  const reviewed = useRef(false);
  // Back in the form the keyboard goes on there; the review takes the focus itself.
  useEffect(() => {
    if (reviewed.current && !prepared) firstIn(place.current)?.focus();
    reviewed.current = prepared !== undefined;
  }, [prepared]);
  return (
    <div className="flow" ref={place}>
      {prepared !== undefined ? props.review(prepared) : props.children}
      <Outcome of={outcome} />
    </div>
  );
}

/** The first field that is not folded away, else the first thing that can be pressed. */
function firstIn(place: HTMLElement | null): HTMLElement | undefined {
  const shown = (selector: string) =>
    [...(place?.querySelectorAll<HTMLElement>(selector) ?? [])].find((one) => one.getClientRects().length > 0);
  return shown("input, select") ?? shown("button, summary");
}

/** What is signed, word for word, and the button that signs it. */
export function Signing(props: {
  facts: [string, ReactNode][];
  /** What the button says. */
  action: string;
  /** About the signature: who makes it, and what it costs. */
  hint: ReactNode;
  /** Whether it is too late to sign. */
  over?: boolean;
  /** Signs and sends; what it throws is shown. */
  sign: () => Promise<void>;
  onBack: () => void;
  children?: ReactNode;
}) {
  const { busy, outcome, run } = useWork();
  const place = useRef<HTMLDivElement>(null);
  // It takes the place of what was pressed: a screen reader goes on here.
  useEffect(() => place.current?.focus(), []);
  const sign = () =>
    run(async () => {
      await props.sign();
    });
  return (
    <div className="review" ref={place} tabIndex={-1} role="group" aria-label="Check, then sign">
      {props.children}
      <Facts items={props.facts} />
      {props.hint && <p className="hint">{props.hint}</p>}
      <div className="row-actions">
        <button type="button" className="quiet" onClick={props.onBack} disabled={busy}>
          Back
        </button>
        <button type="button" className="primary" onClick={sign} disabled={busy || props.over}>
          {busy ? "Signing…" : props.action}
        </button>
      </div>
      <Outcome of={outcome} />
    </div>
  );
}

/** Who signs: `shown` is what a wallet shows of it. */
export function SignedBy({ shown }: { shown: string }) {
  const { account } = useUser();
  return account?.custody === "own"
    ? `Your wallet shows ${shown} and signs it.`
    : "The operator holds your key and signs it for you.";
}

/** Who gets something: the address that is signed, and the account's id where that was entered. */
export function recipientFacts(to: string, entered: string): [string, ReactNode][] {
  const address: [string, ReactNode] = ["To", <Address key="t" value={to} full />];
  return entered.toLowerCase().startsWith("0x") ? [address] : [address, ["Account", entered]];
}

/** How long a request can be sent, and how often: once. */
export function onceFacts(terms: { expiry: number; nonce: string }, zone: string | undefined): [string, ReactNode][] {
  return [
    ["Can be sent until", moment(timestamp(terms.expiry * 1000), zone)],
    ["One-time number", <Hash key="n" value={terms.nonce} />],
  ];
}
