// Walks through the web app of a running demo as people do, on a wide screen in light and dark and on a
// phone, and stops at the first thing that is wrong. Its only argument is JSON:
// {url, chromium, household: {email, password}, operator: {email, password}, screens, bill}
// Screenshots go to the folder `screens`; the downloaded bill is kept as the file `bill`.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { chromium } = createRequire(`${process.env.WATTEX_TOOLS}/npm/`)("playwright-core");
const job = JSON.parse(process.argv[2]);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];
const LOOKS = [
  { name: "light", width: 1280, height: 860, scheme: "light" },
  { name: "dark", width: 1280, height: 860, scheme: "dark" },
  { name: "phone", width: 390, height: 844, scheme: "light" },
];
const OFFER_COLUMNS = ["Seller", "Meter No", "Amount (kWh)", "Price ($/kWh)", "Total Price ($)"];
/** How long anything may take to appear. */
const PATIENCE_MS = 15_000;

/** A person at a browser: their page, how it looks, and what went wrong unseen. */
async function sitDown(browser, look) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    reducedMotion: "reduce",
    locale: "en-GB",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const troubles = [];
  context.on("page", (page) => listen(page, troubles));
  const page = await context.newPage();
  return { context, page, look, troubles };
}

function listen(page, troubles) {
  page.on("pageerror", (error) => troubles.push(`uncaught: ${error.message}`));
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type())) troubles.push(`console: ${line.text()}`);
  });
  page.on("response", (answer) => {
    if (answer.status() >= 400) troubles.push(`${answer.status()} ${answer.url()}`);
  });
  page.on("requestfailed", (request) => {
    // Leaving a page ends what it was still asking for.
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") troubles.push(`${reason} ${request.url()}`);
  });
}

/** Waits for `content` (selectors), then holds the page against what every page must be. */
async function check(person, name, content) {
  const { page, look, troubles } = person;
  for (const selector of content) await page.locator(selector).first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".skeleton"));
  const found = await page.evaluate(() => {
    const seen = (element) => element.getClientRects().length > 0;
    const named = (field) => field.labels?.length || field.getAttribute("aria-label");
    const fields = [...document.querySelectorAll("input, select, textarea")].filter(seen);
    const loose = [...document.querySelectorAll("button, a")].filter(seen)
      .filter((one) => !one.textContent.trim() && !one.getAttribute("aria-label"));
    return {
      unnamed: [...fields.filter((field) => !named(field)), ...loose].map((one) => one.outerHTML),
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      headings: [...document.querySelectorAll("h1")].filter(seen).length,
      errors: [...document.querySelectorAll(".notice.bad")].map((one) => one.textContent),
      title: document.title,
    };
  });
  const place = `${name} (${look.name})`;
  assert.deepEqual(found.unnamed, [], `${place}: every field and button has a name`);
  assert.equal(found.overflow, 0, `${place}: nothing sticks out sideways`);
  assert.equal(found.headings, 1, `${place}: one main heading`);
  assert.deepEqual(found.errors, [], `${place}: no error is shown`);
  assert.match(found.title, /\w{4}/, `${place}: a title`);
  assert.deepEqual(troubles, [], `${place}: nothing failed unseen`);
  await page.screenshot({
    path: join(job.screens, `${name}-${look.name}.png`),
    fullPage: look.name !== "phone",
  });
}

async function visit(person, name, path, content) {
  await person.page.goto(job.url + path);
  await check(person, name, content);
}

/** Logs in through the form; the market is what one sees next. */
async function logIn(person, { email, password }, name) {
  await visit(person, name, "/login", ["h1:text-is('Sign in')", "form button:text-is('Sign in')"]);
  await person.page.getByLabel("Email").fill(email);
  await person.page.getByLabel("Password").fill(password);
  await person.page.locator("form button.primary").click();
  await person.page.locator("h1:text-is('Market')").waitFor();
}

/** The texts of a table's body, row by row. */
function rows(page, table) {
  return page.locator(`${table} tbody tr`).evaluateAll((list) =>
    list.map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\s+/g, " ").trim())),
  );
}

/** Waits until some row of a table has all `words`; `gone`: until none has. */
async function waitForRow(page, table, words, gone = false) {
  await page.waitForFunction(
    ([table, words, gone]) => {
      const has = (row) => words.every((word) => row.innerText.includes(word));
      return [...document.querySelectorAll(`${table} tbody tr`)].some(has) !== gone;
    },
    [table, words, gone],
  );
}

/** The keyboard reaches things one after another, and the one it is at stands out. */
async function focusIsVisible(page) {
  const seen = new Set();
  for (let press = 0; press < 14; press += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      const drawn = one.closest(".segment") ?? one;
      const style = getComputedStyle(drawn);
      const ring = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2;
      return { what: one.outerHTML.slice(0, 120), ring: ring || style.boxShadow !== "none" };
    });
    assert.ok(at.ring, `the focus cannot be seen on ${at.what}`);
    seen.add(at.what);
  }
  assert.ok(seen.size > 8, "the keyboard moves on from thing to thing");
}

/** Fills in the form and creates the trade; gives back what was said about it. */
async function createTrade(page, { side, slot, amount, price }) {
  await page.locator(`.segment.${side}`).click();
  await page.getByLabel("Slot", { exact: true }).and(page.locator("form select"))
    .selectOption({ index: slot });
  await page.getByLabel("Amount (kWh)").fill(amount);
  await page.getByLabel("Price ($/kWh)").fill(price);
  await page.getByRole("button", { name: "Create Trade" }).click();
  const said = page.locator(".trade-form .notice.good");
  await said.filter({ hasText: `${amount} kWh` }).waitFor();
  return said.innerText();
}

/** Wrong input is explained, orders appear and disappear without the page being loaded again. */
async function trade(person) {
  const { page } = person;
  await page.evaluate(() => (window.notLoadedAgain = true));
  await page.getByRole("button", { name: "Create Trade" }).click();
  assert.equal(await page.locator(".trade-form .field-error").count(), 2, "both fields are asked for");

  const offers = [
    { side: "sell", slot: 1, amount: "1.25", price: "0.145" },
    { side: "sell", slot: 2, amount: "0.8", price: "0.15" },
    { side: "buy", slot: 4, amount: "0.5", price: "0.26" },
    { side: "sell", slot: 3, amount: "2.375", price: "0.162" },
  ];
  for (const order of offers) {
    assert.match(await createTrade(page, order), / in the book/);
    const side = order.side === "buy" ? "Buy" : "Sell";
    await waitForRow(page, "#orders", [side, order.amount, order.price, "Open"]);
  }
  await waitForRow(page, "#offers", ["You", "2.375", "0.162"]);
  assert.deepEqual(await page.locator("#offers thead th").allInnerTexts(), OFFER_COLUMNS);
  const offered = await rows(page, "#offers");
  assert.equal(offered.length, 3, "each offer to sell is in the book, no order to buy is");
  const [seller, meter, ...figures] = offered[0];
  assert.match(seller, /^\S+ You$/);
  assert.match(meter, /^\*+\w{3}$/, "the end of the meter's number can be read");
  assert.deepEqual(figures, ["1.250", "0.145", "0.1813"], "1.25 kWh at $0.145 is $0.1813");
  await check(person, "market-orders", ["#orders table"]);

  const row = page.locator("#orders tbody tr", { hasText: "2.375" });
  await row.getByRole("button", { name: "Cancel" }).click();
  await waitForRow(page, "#orders", ["2.375", "Cancelled"]);
  await waitForRow(page, "#offers", ["2.375"], true);
  assert.equal((await rows(page, "#offers")).length, 2, "the other offers stay");
  assert.ok(await page.evaluate(() => window.notLoadedAgain), "the page was not loaded again");
}

/** What a list of facts says of `name`. */
function fact(page, card, name) {
  const item = page.locator(`${card} dl.facts > div`, { has: page.locator(`dt:text-is("${name}")`) });
  return item.locator("dd").innerText();
}

/** From the list of trades to one trade, its transaction with the decoded event, and its block. */
async function followTrade(person) {
  const { page } = person;
  await page.locator("#chain-trades tbody a").first().click();
  await check(person, "trade", ["#trade dl.facts", "#outcome dl.facts"]);
  const paths = { trade: new URL(page.url()).pathname };
  const name = (await fact(page, "#trade", "Name on chain")).trim();
  const agreed = await fact(page, "#trade", "Agreed");
  await page.locator("#trade a[href^='/explorer/tx/']").click();
  await check(person, "transaction", ["#transaction dl.facts", "#events h3:has-text('TradeCreated')"]);
  paths.transaction = new URL(page.url()).pathname;
  const event = page.locator("#events li", { hasText: name }).filter({ hasText: "TradeCreated" });
  const said = await event.innerText();
  for (const field of ["buyer", "seller", "quantity", "escrow", "collateral"]) {
    assert.match(said, new RegExp(`\\b${field}\\b`), "TradeCreated is decoded");
  }
  // The price is that of the clearing, whose event is in an earlier transaction.
  const [quantity] = agreed.split(" at ");
  assert.ok(said.includes(quantity), `the event says ${agreed}: ${said}`);
  const block = page.locator("#transaction a[href^='/explorer/block/']");
  await block.click();
  paths.block = new URL(page.url()).pathname;
  await blockPage(person);
  return paths;
}

/** The four steps of the proof of work are there, and the digits on the page bear them out. */
async function blockPage(person) {
  const { page } = person;
  await check(person, "block", ["h2:has-text('Block ')", "#work ol.steps", ".tx:has-text('TradeCreated')"]);
  const titles = await page.locator("#work .steps h3").evaluateAll((all) =>
    all.map((one) => one.firstChild.textContent),
  );
  assert.deepEqual(titles, ["Seal hash", "Nonce", "Hash check", "Difficulty check"]);
  assert.equal(await page.locator("#work .steps li.ok").count(), 2);
  const digits = await page.locator("#work .steps code").allInnerTexts();
  const [seal, nonce, work, , target] = digits.map((text) => text.trim().slice(2));
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
  const again = sha256(sha256(Buffer.from(seal + nonce, "hex")));
  assert.equal(again.toString("hex"), work, "SHA-256 twice over seal hash and nonce");
  assert.ok(BigInt(`0x${work}`) <= BigInt(`0x${target}`), "the work hash is at most the target");
}

/** The chart of the day, in words for those who cannot see it, and the bills below it. */
async function energyPage(person) {
  await visit(person, "energy", "/energy", [
    "#readings svg[role=img], #readings figure svg", "#readings .stat", "#bills tbody tr",
    "#payment .stat", "#disputes .empty",
  ]);
  const { page } = person;
  const stats = await page.locator("#readings .stat").allInnerTexts();
  assert.match(stats[0], /Taken from the grid\s+[\d.]*[1-9][\d.]*\s+kWh/);
  assert.match(stats[2], /96 of 96/, "the day that the meters reported is shown");
  const [number, , total, due] = (await rows(page, "#bills"))[0];
  assert.match(number, /^INV-\d{4}-\d+$/);
  assert.match(total, /^\d+\.\d\d \w{3}$/);
  assert.match(due, /^\d+\.\d\d \w{3}$/);
}

/** The bill as a page of its own, and as the file that anyone can verify. */
async function billPage(person) {
  const { context, page, look, troubles } = person;
  const number = (await rows(page, "#bills"))[0][0];
  const opening = context.waitForEvent("page");
  await page.getByRole("button", { name: `Open bill ${number}` }).click();
  const bill = await opening;
  await bill.waitForURL(/^blob:/);
  await check({ context, page: bill, look, troubles }, "bill", ["h1", "table"]);
  const text = await bill.locator("body").innerText();
  assert.ok(text.includes(number), "the bill names its number");
  await bill.close();
  if (look.name !== "light") return;
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: `Download the verifiable file of bill ${number}` }).click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), `${number}.json`);
  await download.saveAs(job.bill);
  assert.equal(JSON.parse(readFileSync(job.bill, "utf8")).invoice.number, number);
}

/** Says where members pay to, as who runs the till does without a page. */
async function setBankAccount() {
  const send = async (method, path, body, token) => {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(job.url + path, { method, headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  const logIn = async (who) => (await send("POST", "/v1/tokens", { grant: "password", ...who })).access_token;
  const till = { email: "till@example.org", password: "correct horse battery" };
  const party = { ...till, name: "Till", role: "operator" };
  await send("POST", "/v1/parties", party, await logIn(job.operator));
  const account = { iban: "DE89370400440532013000", holder: "Wattex Town", currency: "EUR" };
  await send("PUT", "/v1/bank/account", account, await logIn(till));
}

/** Pays money out: what it comes to, then the signature; the table follows it. */
async function payOut(person) {
  const { page } = person;
  await page.getByLabel("Amount").fill("1.50");
  await page.getByLabel("Account holder").fill("Hanna Heron");
  await page.getByLabel("IBAN").fill("NO93 8601 1117 947");
  await page.getByRole("button", { name: "Continue" }).click();
  await check(person, "pay-out", ["#pay-out dl.facts"]);
  assert.match(await page.locator("#pay-out dl.facts").innerText(), /NO93 8601 1117 947/);
  await page.getByRole("button", { name: "Sign and pay out" }).click();
  await page.locator("#payouts tbody tr:has-text('Hanna Heron')").first().waitFor();
  const [, amount] = (await rows(page, "#payouts"))[0];
  assert.equal(amount, "1.50");
}

/** What a household does: market, wallet, explorer, energy, bill. */
async function household(person, known) {
  const { page } = person;
  await visit(person, "reserve", "/reserve", [".notice.good", "#reserve-figures tbody tr"]);
  await visit(person, "data-protection", "/data-protection", [".prose tbody tr", ".prose p"]);
  await visit(person, "signup", "/signup", ["#custody-risk"]);
  await logIn(person, job.household, "login");
  await visit(person, "market", "/", [
    "#offers",
    "#prices svg",
    "#orders tr",
    "#trades tr",
    ".trade-form",
    "#slot dl.facts",
  ]);
  assert.match((await rows(page, "#trades")).flat().join(" "), /Settled/);
  if (!known) {
    await trade(person);
    await page.goto(`${job.url}/`);
    await page.locator("#trades tr").first().waitFor();
    await focusIsVisible(page);
  }
  await visit(person, "wallet", "/wallet", [
    "h2:text-is('Balance')", "#pay-in dl.facts", "#statement tbody tr", "#signer", "#export-key",
    "#send-money", "#transfers", "#addresses tbody tr",
  ]);
  if (!known) await payOut(person);
  await visit(person, "certificates", "/certificates", [
    "#sources .empty", "#certificates .empty", "#certificate-requests .empty", "#retirements .empty",
  ]);
  await visit(person, "rules", "/market/rules", ["#rules", "#set-rule form", "#mandate", "#delegates"]);
  await visit(person, "explorer", "/explorer", ["h1:text-is('Blockchain Explorer')", "#blocks tbody tr"]);
  await visit(person, "transactions", "/explorer/transactions", ["#transactions tbody tr"]);
  await visit(person, "events", "/explorer/events", ["#feed tbody tr", "#feed-kind"]);
  await visit(person, "trades", "/explorer/trades", ["#chain-trades tbody tr"]);
  const paths = known ?? (await followTrade(person));
  if (known) {
    await visit(person, "trade", known.trade, ["#trade dl.facts", "#outcome dl.facts"]);
    await visit(person, "transaction", known.transaction, ["#events h3:has-text('TradeCreated')"]);
    await page.goto(job.url + known.block);
    await blockPage(person);
  }
  await energyPage(person);
  await billPage(person);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("h1:text-is('Sign in')").waitFor();
  return paths;
}

/** The transactions of each service: all that a demo sent is in a block for good. */
async function relays(person) {
  const { page } = person;
  const services = ["market", "billing", "metering"];
  const tables = services.map((service) => `#relay-${service} tbody tr`);
  await visit(person, "relay", "/admin/relay", tables);
  for (const service of services) {
    const table = page.getByRole("region", { name: `Transactions of the ${service} service, newest first` });
    assert.equal(await table.locator("caption").count(), 1, "the table says what it is");
    const [first] = await rows(page, `#relay-${service}`);
    assert.match(first[0], /^[\d ]+$/, "a nonce");
    assert.match(first[1], /\w\//, "what it follows from");
    assert.match(first[3], /^\d+$/, "its block");
  }
  // The attempts open and the list is narrowed down with nothing but keys.
  const attempts = page.locator("#relay-market summary").first();
  await attempts.focus();
  await page.keyboard.press("Enter");
  const attempt = page.locator("#relay-market .attempts[open] li").first();
  assert.match(await attempt.innerText(), /gwei at most, tip [\d.]+\s+in the block/);
  await check(person, "relay-attempts", ["#relay-market .attempts[open] a[href^='/explorer/tx/']"]);
  if (person.look.name === "light") await focusIsVisible(page);
  await page.getByLabel("Show", { exact: true }).focus();
  await page.keyboard.type("Waiting");
  await page.locator("#relay-metering .empty").waitFor();
  for (const service of services) {
    const card = page.locator(`#relay-${service}`, { hasText: "Nothing waits" });
    await card.filter({ hasText: "None stands so." }).waitFor();
  }
}

/** Says what a connection point generates from; a block takes it. */
async function sources(person) {
  const { page } = person;
  await visit(person, "certificates-admin", "/admin/certificates", ["#say-source form", "#issues .empty"]);
  await page.getByLabel("Connection point", { exact: true }).selectOption({ index: 1 });
  await page.getByLabel("Source", { exact: true }).selectOption({ label: "Solar (F01040100)" });
  await page.getByRole("button", { name: "Register" }).click();
  await waitForRow(page, "#sources", ["Solar", "End"]);
  await check(person, "certificate-sources", ["#sources tbody tr"]);
}

/** What the operator looks at. */
async function operator(person) {
  const { page } = person;
  await logIn(person, job.operator, "login");
  await visit(person, "operator-market", "/", ["#prices svg", "#trades tbody tr"]);
  await visit(person, "operator-wallet", "/wallet", [".notice.info"]);
  await visit(person, "operator-energy", "/energy", ["#readings .stat"]);
  await visit(person, "people", "/admin", ["#people tbody tr"]);
  const people = (await rows(page, "#people")).flat();
  assert.ok(people.includes(job.household.email) && people.includes(job.operator.email));
  await visit(person, "meters", "/admin/meters", ["#meters tbody tr td:has-text('2026-')", "#enrol form"]);
  assert.equal((await rows(page, "#meters")).length, 6, "every home has a meter");
  await visit(person, "quarantine", "/admin/quarantine", ["text=Every message was believed."]);
  await visit(person, "payments", "/admin/payments", ["#unmatched .notice.info"]);
  await visit(person, "payouts", "/admin/payouts", ["#payouts tbody tr", "#payout-state"]);
  await visit(person, "dealer", "/admin/dealer", ["#dealer-transfers .empty"]);
  await visit(person, "receivables", "/admin/receivables", ["#ages tbody tr", "#receivables", "#ladder dl.facts"]);
  await visit(person, "disputes", "/admin/disputes", ["#dispute-state", "#disputes .empty"]);
  await visit(person, "reports", "/admin/reports", ["#reports select", "#report tbody tr, #report .empty"]);
  await sources(person);
  await visit(person, "operator-certificates", "/certificates", ["#sources", "#certificates", "#retirements"]);
  await visit(person, "mechanism", "/admin/mechanism", [
    "#mechanisms tbody tr",
    "#choose-mechanism form", "#stop",
  ]);
  await visit(person, "tariffs", "/admin/tariffs", ["#proposals .empty", "#propose form"]);
  await visit(person, "approvals", "/admin/approvals", ["#approvals"]);
  await relays(person);
  await visit(person, "audit", "/admin/audit", ["text=All hold", "#audit-log tbody tr"]);
  assert.match((await rows(page, "#audit-log")).flat().join(" "), /Enrol meter/);
  await visit(person, "docs", "/docs", ["h2:has-text('market')", "main :text-is('/v1/orders')"]);
}

mkdirSync(job.screens, { recursive: true });
const browser = await chromium.launch({ executablePath: job.chromium, headless: true, args: FLAGS });
try {
  let known;
  await setBankAccount();
  for (const look of LOOKS) {
    const person = await sitDown(browser, look);
    known = await household(person, known);
    await operator(person);
    await person.context.close();
  }
  console.log(`looked at every page as ${LOOKS.map((look) => look.name).join(", ")}`);
} finally {
  await browser.close();
}
