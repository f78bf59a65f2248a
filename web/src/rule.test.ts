import { expect, test } from "vitest";
import {
  NEW_RULE, type RuleFields, clashes, fieldsOf, limitOf, quantityWords, readRule, stateOf, tariffCents, waitingOf,
} from "./rule";
import type {
  AccountRequest, Approval, ConnectionPoint, Mandate, MandateTerms, Market, Rule,
} from "./types";

const POLICY = `0x${"04".repeat(32)}`;
const DELEGATE = `0x${"cd".repeat(20)}`;
const NOW = "2026-06-01T10:00:00Z";
const market = {
  now: NOW, timezone: "Europe/Berlin", slot_minutes: 15, lot_min_wh: 10, tick: 100, policy_id: POLICY,
} as Market;
const point = { connection_point: "home", import_max_w: 10_000, export_max_w: 8000 } as ConnectionPoint;
const rule: Rule = {
  connection_point: "home", side: "buy", percent: 100, limit_price: 250_000, limit_per_kwh: "0.25", min_fill_wh: 0,
  warnings: [],
};
const mandate: Mandate = {
  delegate: DELEGATE, rules: true, policy: POLICY, until: "2027-06-01T22:00:00Z", buy_price_max: 250_000,
  sell_price_min: "0", quantity_per_slot_wh: 2500, quantity_per_day_wh: 240_000,
};

function read(change: Partial<RuleFields>, side: Rule["side"] = "buy", before?: Rule) {
  return readRule({ ...NEW_RULE, limit: "25", ...change }, { side, point, before }, market);
}

test("the form sets what is likely, or the same each time", () => {
  expect(read({}).body).toEqual({ percent: 100, limit_price: 250_000, min_fill_wh: 0 });
  expect(read({ kind: "fixed", quantity: "0,25", percent: "x" }).body).toEqual({
    quantity_wh: 250, limit_price: 250_000, min_fill_wh: 0,
  });
  expect(read({ limit: "0" }, "sell").body).toMatchObject({ limit_price: 0 });
});

test("times are those of the market", () => {
  expect(read({ from: "2026-06-01T18:00", until: "2026-06-02T00:00" }).body).toMatchObject({
    from: "2026-06-01T16:00:00Z", until: "2026-06-01T22:00:00Z",
  });
});

test("what cannot be is told by its field", () => {
  const wrong: [Partial<RuleFields>, keyof RuleFields][] = [
    [{ limit: "" }, "limit"], [{ limit: "0" }, "limit"], [{ limit: "25.0001" }, "limit"], [{ percent: "0" }, "percent"],
    [{ percent: "201" }, "percent"], [{ percent: "1.5" }, "percent"], [{ kind: "fixed" }, "quantity"],
    [{ kind: "fixed", quantity: "0.009" }, "quantity"], [{ kind: "fixed", quantity: "2.501" }, "quantity"],
    [{ from: "2026-03-29T02:30" }, "from"], [{ until: "2026-06-01T12:00" }, "until"],
    [{ from: "2026-07-02T00:00", until: "2026-07-02T00:00" }, "until"],
  ];
  for (const [change, name] of wrong) {
    expect(Object.keys(read(change).problems ?? {}), JSON.stringify(change)).toEqual([name]);
  }
});

test("a rule that is changed keeps what the form does not show", () => {
  const before = { ...rule, min_fill_wh: 200, from: "2026-06-01T16:00:00Z" };
  expect(readRule(fieldsOf(before, market.timezone), { side: "buy", point, before }, market).body).toEqual({
    percent: 100, limit_price: 250_000, min_fill_wh: 200, from: before.from,
  });
  const { percent: _percent, ...rest } = before;
  const fixed = fieldsOf({ ...rest, quantity_wh: 1250 }, market.timezone);
  expect(readRule(fixed, { side: "buy", point, before }, market).body).toMatchObject({ quantity_wh: 1250 });
  expect(read({ kind: "fixed", quantity: "0.1" }, "buy", before).body).toMatchObject({ min_fill_wh: 100 });
});

test("a rule is said in words", () => {
  expect(quantityWords(rule)).toBe("100 % of what you usually use");
  expect(quantityWords({ ...rule, side: "sell", percent: 80, min_fill_wh: 50 })).toBe(
    "80 % of what you usually feed in, 0.05 kWh or nothing",
  );
  const { percent: _percent, ...fixed } = rule;
  expect(quantityWords({ ...fixed, quantity_wh: 250 })).toBe("0.25 kWh");
  expect(limitOf(rule)).toBe("Never above 25 ct/kWh");
  expect(limitOf({ ...rule, side: "sell", limit_price: 85_500 })).toBe("Never below 8.55 ct/kWh");
  expect(tariffCents("0.305")).toBe("30.5");
});

test("a rule is active where its mandate covers it", () => {
  const state = (change: Partial<Rule>, granted?: Mandate, waiting?: "block" | "consent") =>
    stateOf({ ...rule, ...change }, granted, waiting, [point], market)[1];
  expect(state({}, mandate)).toBe("Active");
  expect(state({ from: "2026-06-02T00:00:00Z" }, mandate)).toBe("To come");
  expect(state({ until: NOW }, mandate)).toBe("Over");
  expect(state({}, { ...mandate, buy_price_max: 1 })).toBe("May not sign yet");
  expect(state({ warnings: ["NO_MANDATE"] }, mandate)).toBe("May not sign yet");
  expect(state({})).toBe("May not sign yet");
  expect(state({}, undefined, "block")).toBe("Waits for the block");
  expect(state({}, undefined, "consent")).toBe("Waits for the operator's consent");
  expect(state({}, mandate, "block")).toBe("Active");
});

test("the newest mandate of the delegate says what is waited for", () => {
  const terms = { kind: "mandate", delegate: DELEGATE, until: 1_811_887_200 } as MandateTerms;
  const sent = { terms, state: "sent" } as AccountRequest;
  const done: AccountRequest = { ...sent, state: "done" };
  const others = { ...sent, terms: { ...terms, delegate: POLICY } } as AccountRequest;
  const asked = { request: terms, state: "open", expires_at: "2026-06-01T11:00:00Z" } as Approval;
  const waits = (requests: AccountRequest[], approvals: Approval[] = []) =>
    waitingOf(DELEGATE.toUpperCase().replace("0X", "0x"), { requests, approvals }, NOW);
  expect(waits([])).toBeUndefined();
  expect(waits([others, sent])).toBe("block");
  expect(waits([done, sent])).toBeUndefined();
  expect(waits([{ ...sent, terms: { ...terms, until: 0 } }])).toBeUndefined();
  expect(waits([done], [asked])).toBe("consent");
  expect(waits([done], [{ ...asked, state: "approved" }])).toBe("owner");
  expect(waits([done], [{ ...asked, expires_at: NOW }])).toBeUndefined();
  expect(waits([done], [{ ...asked, state: "refused" }])).toBeUndefined();
});

test("two rules of one side are told apart from one", () => {
  expect(clashes([rule], { point: "hut", side: "buy" }, NOW)).toBe(true);
  expect(clashes([rule], { point: "home", side: "buy" }, NOW)).toBe(false);
  expect(clashes([rule], { point: "hut", side: "sell" }, NOW)).toBe(false);
  expect(clashes([{ ...rule, until: NOW }], { point: "hut", side: "buy" }, NOW)).toBe(false);
});
