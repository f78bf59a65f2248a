// Work that takes a while and may fail: a form that is sent, a button that asks the server.

import { type ReactNode, useState } from "react";
import { Notice } from "./ui";

export interface Work<T> {
  busy: boolean;
  /** What it came to; nothing while it goes on. */
  outcome: T | Error | undefined;
  /** Does it, and keeps what it came to, if anything. Whether it went well. */
  run: (work: () => Promise<T | void>) => Promise<boolean>;
  say: (outcome: T | Error | undefined) => void;
}

/** Work of one kind at a time: what came before is forgotten when the next begins. */
export function useWork<T = string>(): Work<T> {
  const [busy, setBusy] = useState(false);
  const [outcome, say] = useState<T | Error>();
  const run = async (work: () => Promise<T | void>) => {
    setBusy(true);
    say(undefined);
    try {
      say((await work()) ?? undefined);
      return true;
    } catch (problem) {
      say(problem as Error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, outcome, run, say };
}

/** What work came to, in words; `children` finds them where the outcome is more than a text. */
export function Outcome<T>(props: { of: T | Error | undefined; children?: (done: T) => ReactNode }) {
  const { of, children } = props;
  if (of === undefined || of === "") return null;
  if (of instanceof Error) return <Notice tone="bad">{of.message}</Notice>;
  return <Notice tone="good">{children ? children(of) : String(of)}</Notice>;
}
