// Who is signed in: tokens kept in this browser, shared by all its tabs.

import { useSyncExternalStore } from "react";
import { forgetAnswers } from "./offline";
import type { Tokens } from "./types";

const KEY = "wattex.session";

export interface Session {
  access: string;
  refresh: string;
}

let current: Session | null = read();
const listeners = new Set<() => void>();

function read(): Session | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

function tell() {
  for (const listener of listeners) listener();
}

window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  current = read();
  tell();
});

export function session(): Session | null {
  return current;
}

export function signIn(tokens: Tokens) {
  current = { access: tokens.access_token, refresh: tokens.refresh_token };
  localStorage.setItem(KEY, JSON.stringify(current));
  tell();
}

export function signOut() {
  current = null;
  localStorage.removeItem(KEY);
  forgetAnswers();
  tell();
}

export function useSession(): Session | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
