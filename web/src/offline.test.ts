import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";

const ORIGIN = "https://a.example";

/** What caches do, as far as the service worker uses it. */
class Kept {
  readonly entries = new Map<string, Response>();
  private name = (of: string | { url: string }) => new URL(typeof of === "string" ? of : of.url, ORIGIN).href;
  match = async (of: string | { url: string }) => this.entries.get(this.name(of))?.clone();
  put = async (of: string, response: Response) => void this.entries.set(this.name(of), response);
  delete = async (of: string | { url: string }) => this.entries.delete(this.name(of));
  keys = async () => [...this.entries.keys()].map((url) => ({ url }));
  addAll = async (names: string[]) => {
    for (const name of names) await this.put(name, new Response(name));
  };
}

/** The service worker in a browser that has the network or not. */
function worker() {
  const stores = new Map<string, Kept>();
  const listeners = new Map<string, (event: unknown) => void>();
  const browser = { online: true, html: '<script src="/assets/a.js"></script>' };
  const open = async (name: string) => stores.get(name) ?? stores.set(name, new Kept()).get(name)!;
  const fetch = async (of: string | { url: string }) => {
    if (!browser.online) throw new TypeError("no network");
    const { pathname } = new URL(typeof of === "string" ? of : of.url, ORIGIN);
    const body = pathname.startsWith("/v1/") ? JSON.stringify({ pathname }) : browser.html;
    return new Response(body, { headers: { "Content-Type": "text/plain" } });
  };
  const self = {
    addEventListener: (kind: string, listener: (event: unknown) => void) => listeners.set(kind, listener),
    skipWaiting: () => undefined, clients: { claim: async () => undefined }, location: { origin: ORIGIN },
  };
  const code = readFileSync("public/sw.js", "utf8");
  runInNewContext(code, { self, caches: { open }, fetch, URL, Response, Set, Date, Error });
  /** What it answers; undefined where it leaves the request to the browser. */
  const ask = async (path: string, more: { method?: string; mode?: string; origin?: string } = {}) => {
    const { method = "GET", mode = "cors", origin = ORIGIN } = more;
    let answer: Promise<Response> | undefined;
    const after: Promise<unknown>[] = [];
    const event = {
      request: { url: origin + path, method, mode },
      respondWith: (given: Promise<Response>) => (answer = given),
      waitUntil: (work: Promise<unknown>) => after.push(work),
    };
    listeners.get("fetch")!(event);
    const response = await answer;
    await Promise.all(after);
    return response;
  };
  return { browser, stores, ask };
}

test("nothing that needs a token is kept, nor answered", async () => {
  const { ask, stores } = worker();
  const own = ["/v1/wallet", "/v1/me", "/v1/statement", "/v1/parties", "/v1/events", "/v1/reserves", "/rpc", "/docs"];
  for (const path of own) expect(await ask(path), path).toBeUndefined();
  expect(await ask("/v1/explorer/blocks", { method: "POST" })).toBeUndefined();
  expect(await ask("/v1/reserve", { origin: "https://b.example" })).toBeUndefined();
  expect(await ask("/v1/reserve", { mode: "navigate" })).toBeUndefined();
  expect([...stores.values()].flatMap(({ entries }) => [...entries.keys()])).toEqual([]);
});

test("a public page is shown as it was read last, and says since when", async () => {
  const { ask, browser } = worker();
  const path = "/v1/explorer/blocks?limit=25";
  expect((await ask(path))!.headers.has("wattex-kept")).toBe(false);
  browser.online = false;
  const kept = (await ask(path))!;
  expect(await kept.json()).toEqual({ pathname: "/v1/explorer/blocks" });
  expect(Date.parse(kept.headers.get("wattex-kept")!)).toBeGreaterThan(0);
  await expect(ask("/v1/explorer/blocks/7")).rejects.toThrow("no network");
});

test("the app opens without a network, in the version that was loaded last", async () => {
  const { ask, browser, stores } = worker();
  await expect(ask("/explorer", { mode: "navigate" })).resolves.toBeDefined();
  browser.html = '<script src="/assets/b.js"></script>';
  await ask("/", { mode: "navigate" });
  const files = [...stores.get("wattex-files")!.entries.keys()].map((url) => new URL(url).pathname);
  expect(files.sort()).toEqual(["/", "/assets/b.js"]);
  browser.online = false;
  expect(await (await ask("/wallet", { mode: "navigate" }))!.text()).toBe(browser.html);
  expect(await (await ask("/assets/b.js"))!.text()).toBe("/assets/b.js");
});

test("as many answers are kept as is said, the newest", async () => {
  const { ask, stores } = worker();
  for (let block = 0; block < 65; block += 1) await ask(`/v1/explorer/blocks/${block}`);
  const kept = [...stores.get("wattex-answers")!.entries.keys()].map((url) => Number(url.split("/").at(-1)));
  expect(kept).toHaveLength(60);
  expect(Math.min(...kept)).toBe(5);
});

test("the page forgets by the name that the worker keeps under", () => {
  const name = 'const ANSWERS = "wattex-answers";';
  for (const file of ["public/sw.js", "src/offline.ts"]) expect(readFileSync(file, "utf8")).toContain(name);
});
