// The live feed: one stream of server-sent events for the whole app.

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { KINDS } from "./news";
import type { FeedKind } from "./types";

export type News = FeedKind;

/** A page reads again at most this often, however fast the news comes. */
const PAUSE_MS = 1000;

type Listener = (kind: News | "reset") => void;
const listeners = new Set<Listener>();
const statusListeners = new Set<() => void>();
let source: EventSource | null = null;
let connected = false;
/** Whether the stream was open before: what happened while it was not is read again. */
let opened = false;

function setConnected(value: boolean) {
  if (connected === value) return;
  connected = value;
  for (const listener of statusListeners) listener();
}

function tell(kind: News | "reset") {
  for (const listener of listeners) listener(kind);
}

/** Opens the stream; the browser opens it again by itself and continues after the last id. */
export function startLive() {
  if (source) return;
  source = new EventSource("/v1/events");
  source.onopen = () => {
    if (opened && !connected) tell("reset");
    opened = true;
    setConnected(true);
  };
  source.onerror = () => {
    setConnected(false);
    // After an answer that is no stream the browser gives up: try again later.
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(startLive, 5000);
    }
  };
  for (const kind of KINDS) source.addEventListener(kind, () => tell(kind));
  source.addEventListener("reset", () => tell("reset"));
}

export function useConnected(): boolean {
  return useSyncExternalStore(
    (listener) => {
      statusListeners.add(listener);
      return () => statusListeners.delete(listener);
    },
    () => connected,
  );
}

export interface Loaded<T> {
  data: T | undefined;
  error: Error | undefined;
  reload: () => void;
}

/** Loads data when `key` changes and again when one of `kinds` of news comes. Old data of the same
 * key stays visible meanwhile. */
export function useLoad<T>(key: string, load: () => Promise<T>, kinds: News[] = []): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    let stale = false;
    latest.current().then(
      (data) => {
        if (!stale) setState({ key, data });
      },
      (error: Error) => {
        if (!stale) setState((old) => ({ ...(old.key === key ? old : {}), key, error }));
      },
    );
    return () => {
      stale = true;
    };
  }, [key, turn]);

  const wanted = kinds.join();
  useEffect(() => {
    if (!wanted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const listener: Listener = (kind) => {
      if (timer || (kind !== "reset" && !wanted.split(",").includes(kind))) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          last = Date.now();
          setTurn((value) => value + 1);
        },
        Math.max(50, last + PAUSE_MS - Date.now()),
      );
    };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      clearTimeout(timer);
    };
  }, [wanted]);

  const current = state.key === key ? state : undefined;
  return {
    data: current?.data,
    error: current?.error,
    reload: () => setTurn((value) => value + 1),
  };
}
