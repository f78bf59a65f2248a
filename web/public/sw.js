// The service worker: shows the app without a network, and of what everybody may read the pages that were read last.
//
// It keeps the app's own files, and answers of the public routes below. Nothing that needs a token is ever kept, so
// nothing personal is left when somebody signs out; the page then deletes the public answers as well, since they tell
// what was looked at. Whatever is there is asked for first: what is kept is shown only where the server cannot be
// reached, with the header `wattex-kept`, which says since when.

const FILES = "wattex-files";
const ANSWERS = "wattex-answers";
/** The most answers that are kept; the oldest go first. */
const ANSWERS_MAX = 60;
/** Routes that need no token. */
const PUBLIC = /^\/v1\/(explorer\/|reserve$|role-changes$)/;
/** Paths of the server that are no pages of the app. */
const NO_PAGE = /^\/(v1|docs|rpc|ws|openapi\.json|healthz)(\/|$)/;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepFiles());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (!NO_PAGE.test(url.pathname)) event.respondWith(page(event));
  } else if (PUBLIC.test(url.pathname)) event.respondWith(answer(request));
  else if (/^\/(assets\/|icon\.svg$|manifest\.webmanifest$)/.test(url.pathname)) event.respondWith(file(request));
});

/** Keeps the app as it is now, and no file of an earlier one. */
async function keepFiles() {
  const html = await fetch("/", { cache: "no-cache" });
  if (!html.ok) throw new Error(`the app answers ${html.status}`);
  const text = await html.clone().text();
  const names = [...new Set([...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, name]) => name))];
  const files = await caches.open(FILES);
  await files.addAll(names);
  await files.put("/", html);
  const wanted = new Set(["/", ...names]);
  for (const { url } of await files.keys()) {
    if (!wanted.has(new URL(url).pathname)) await files.delete(url);
  }
}

/** Every page of the app is the same file. */
async function page(event) {
  try {
    const response = await fetch(event.request);
    if (response.ok) event.waitUntil(keepFiles().catch(() => undefined));
    return response;
  } catch (problem) {
    const kept = await (await caches.open(FILES)).match("/");
    if (kept) return kept;
    throw problem;
  }
}

/** The names of files change with their contents. */
async function file(request) {
  return (await (await caches.open(FILES)).match(request)) ?? fetch(request);
}

async function answer(request) {
  const answers = await caches.open(ANSWERS);
  try {
    const response = await fetch(request);
    if (response.ok) await keep(answers, request.url, response.clone());
    return response;
  } catch (problem) {
    const kept = await answers.match(request.url, { ignoreVary: true });
    if (kept) return kept;
    throw problem;
  }
}

async function keep(answers, url, response) {
  const headers = { "Content-Type": response.headers.get("Content-Type") ?? "", "wattex-kept": new Date().toISOString() };
  const body = await response.blob();
  await answers.delete(url);
  await answers.put(url, new Response(body, { headers }));
  const all = await answers.keys();
  for (const oldest of all.slice(0, Math.max(0, all.length - ANSWERS_MAX))) await answers.delete(oldest);
}
