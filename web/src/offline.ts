// Without a network: what of the app and of public pages is kept, and since when what is shown.

import { useSyncExternalStore } from "react";

/** Where the service worker (public/sw.js) keeps answers of public routes. */
const ANSWERS = "wattex-answers";
/** The header of an answer that was kept: when it came. */
const KEPT = "wattex-kept";

let since: string | null = null;
const listeners = new Set<() => void>();

/** Takes note of whether an answer came from the server or was kept. */
export function noteAnswer(response: Pick<Response, "headers">) {
  const kept = response.headers.get(KEPT);
  if (kept === since) return;
  since = kept;
  for (const listener of listeners) listener();
}

/** Since when what is shown is kept; null where it came from the server. */
export function useKeptSince(): string | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => since,
  );
}

/** Installs the service worker; a browser that has none, or refuses, shows the app as before. */
export function startOffline() {
  if (import.meta.env.PROD) navigator.serviceWorker?.register("/sw.js").catch(() => undefined);
}

/** Forgets what was looked at. */
export function forgetAnswers() {
  globalThis.caches?.delete(ANSWERS).catch(() => undefined);
}
