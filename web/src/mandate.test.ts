import { expect, test } from "vitest";
import { dayError, endError, endOf, readGrant, readLimit, untilEndOf, usualDay, usualEnd, wishOf } from "./grant";
import {
  NO_SALE, gapsOf, grantWords, isInForce, limitWords, limitsOf, limitsOfTerms, needOf, slotsPerDay,
} from "./mandate";
import type { ConnectionPoint, Mandate, Market, Rule } from "./types";

const POLICY = `0x${"04".repeat(32)}`;
const DELEGATE = `0x${"cd".repeat(20)}`;
const NOW = "2026-06-01T10:00:00Z";
const market = {
  now: NOW, timezone: "Europe/Berlin", slot_minutes: 15, lot_min_wh: 10, tick: 100, policy_id: POLICY,
} as Market;
const home = { connection_point: "home", import_max_w: 10_000, export_max_w: 8000 } as ConnectionPoint;
const hut = { connection_point: "hut", import_max_w: 2000, export_max_w: 0 } as ConnectionPoint;

function rule(change: Partial<Rule> = {}): Rule {
  return {
    connection_point: "home", side: "buy", percent: 100, limit_price: 250_000, limit_per_kwh: "0.25",
    min_fill_wh: 0, warnings: [], ...change,
  };
}

const fixed = (quantity_wh: number, change: Partial<Rule> = {}) => {
  const { percent: _percent, ...rest } = rule(change);
  return { ...rest, quantity_wh };
};

const need = (rules: Rule[]) => needOf(rules, [home, hut], market);

function mandate(change: Partial<Mandate> = {}): Mandate {
  return {
    delegate: DELEGATE, rules: true, policy: POLICY.toUpperCase().replace("0X", "0x"), until: "2027-06-01T22:00:00Z",
    buy_price_max: 250_000, sell_price_min: "80000", quantity_per_slot_wh: 2500, quantity_per_day_wh: 240_000,
    ...change,
  };
}

test("rules together need the dearest purchase, the cheapest sale and the largest order", () => {
  const rules = [
    rule(), rule({ connection_point: "hut", limit_price: 300_000 }),
    rule({ side: "sell", limit_price: 90_000 }), fixed(400, { side: "sell", connection_point: "hut", limit_price: 80_000 }),
  ];
  expect(need(rules)).toEqual({
    buyMax: 300_000n, sellMin: 80_000n, perSlot: 2500n, perDay: 38_400n, granted: 2500n,
  });
});

test("one side alone needs nothing of the other", () => {
  expect(need([rule()])).toMatchObject({ buyMax: 250_000n, sellMin: NO_SALE });
  expect(need([rule({ side: "sell", limit_price: 0 })])).toMatchObject({ buyMax: 0n, sellMin: 0n, perSlot: 2000n });
});

test("a fixed quantity needs no more than itself, and is granted what the wires carry", () => {
  expect(need([fixed(250)])).toMatchObject({ perSlot: 250n, perDay: 24_000n, granted: 2500n });
  expect(need([fixed(3000)])).toMatchObject({ perSlot: 3000n, granted: 3000n });
  expect(need([rule({ connection_point: "gone" })])).toMatchObject({ granted: 10n });
});

test("rules that are over need nothing", () => {
  expect(need([])).toBeNull();
  expect(need([rule({ until: NOW })])).toBeNull();
  expect(need([rule({ until: "2026-06-01T10:15:00Z" })])).not.toBeNull();
});

test("a mandate covers rules up to its limits and no further", () => {
  const both = [rule(), fixed(2500, { side: "sell", limit_price: 80_000 })];
  const gaps = (change: Partial<Mandate>) => gapsOf(mandate(change), need(both)!, market);
  expect(gaps({})).toEqual([]);
  const cases: [Partial<Mandate>, RegExp][] = [
    [{ policy: `0x${"05".repeat(32)}` }, /another policy/],
    [{ buy_price_max: 249_999 }, /buys up to 24\.9999 ct\/kWh, and a rule up to 25/],
    [{ sell_price_min: "80001" }, /sells from 8 ct\/kWh/],
    [{ sell_price_min: "18446744073709551615" }, /sells from 8 ct\/kWh/],
    [{ quantity_per_slot_wh: 2499 }, /2\.499 kWh in a slot, and a rule needs 2\.5/],
    [{ quantity_per_day_wh: 239_999 }, /239\.999 kWh a day, and a rule needs 240/],
    [{ until: NOW }, /Nothing is granted/],
  ];
  for (const [change, words] of cases) {
    expect(gaps(change)).toHaveLength(1);
    expect(gaps(change)[0]).toMatch(words);
  }
  const { until: _until, ...ended } = mandate();
  expect(gapsOf(ended, need(both)!, market)).toEqual(["Nothing is granted."]);
  expect(gapsOf(undefined, need(both)!, market)).toEqual(["Nothing is granted."]);
});

test("of what is likely, a day's limit is the owner's choice", () => {
  expect(gapsOf(mandate({ quantity_per_day_wh: 5000 }), need([rule()])!, market)).toEqual([]);
});

test("what is asked for covers the rules it is asked for", () => {
  for (const rules of [[rule()], [fixed(250)], [rule(), rule({ side: "sell", limit_price: 0 })]]) {
    const needed = need(rules)!;
    const until = untilEndOf(usualEnd(market), market);
    const wish = wishOf(
      needed,
      { delegate: DELEGATE, policy: POLICY },
      { perDay: needed.granted * slotsPerDay(market), until },
    );
    const granted = mandate({
      until, buy_price_max: wish.buy_price_max, sell_price_min: String(wish.sell_price_min),
      quantity_per_slot_wh: wish.quantity_per_slot, quantity_per_day_wh: wish.quantity_per_day,
    });
    expect(gapsOf(granted, needed, market)).toEqual([]);
    for (const value of [wish.buy_price_max, wish.sell_price_min, wish.quantity_per_slot, wish.quantity_per_day]) {
      expect(Number.isSafeInteger(value)).toBe(true);
    }
  }
});

test("a day's limit that was chosen before stays where it is enough", () => {
  const needed = need([rule()])!;
  const usual = (change: Partial<Mandate>, of = needed) => usualDay(of, mandate(change), market);
  expect(usualDay(needed, undefined, market)).toBe(240_000n);
  expect(usual({ quantity_per_day_wh: 20_000 })).toBe(20_000n);
  expect(usual({ quantity_per_day_wh: 2499 })).toBe(240_000n);
  expect(usual({ quantity_per_day_wh: 900_000 })).toBe(240_000n);
  expect(usual({ quantity_per_day_wh: 20_000, until: NOW })).toBe(240_000n);
  expect(usual({ quantity_per_day_wh: 20_000 }, need([fixed(250)])!)).toBe(240_000n);
});

test("a mandate lasts to the end of its last day, on the market's clocks", () => {
  expect(usualEnd(market)).toBe("2027-06-01");
  expect(untilEndOf("2027-06-01", market)).toBe("2027-06-01T22:00:00Z");
  expect(untilEndOf("2026-12-31", market)).toBe("2026-12-31T23:00:00Z");
  expect(endError("2026-06-01", market)).toBeUndefined();
  for (const bad of ["2026-05-31", "", "soon"]) expect(endError(bad, market), bad).toMatch(/today/);
  expect(endError("2031-05-31", market)).toBeUndefined();
  expect(endError("2031-06-01", market)).toMatch(/five years/);
});

test("a day has room for one slot at least", () => {
  expect(dayError(2500n, 2500n)).toBeUndefined();
  expect(dayError(2499n, 2500n)).toMatch(/2\.5 kWh/);
  for (const bad of [null, 0n, -1n, NO_SALE + 1n]) expect(dayError(bad, 1n)).toMatch(/^Enter/);
});

test("what is granted is said in plain words", () => {
  const limits = limitsOf(mandate());
  expect(grantWords("Wattex", limits, market.timezone)).toBe(
    "Wattex may sign orders for you, at most 2.5 kWh in a slot and 240 kWh a day of each side, to buy never above " +
      "25 ct/kWh all-in, to sell never below 8 ct/kWh net, until 2027-06-01. You can end this at any time, also on " +
      "the chain.",
  );
  const buyer = { ...limits, sellMin: NO_SALE };
  expect(grantWords("Wattex", buyer, market.timezone)).toBe(
    "Wattex may sign orders for you, at most 2.5 kWh in a slot and 240 kWh a day, to buy never above 25 ct/kWh " +
      "all-in, until 2027-06-01. It cannot sell. You can end this at any time, also on the chain.",
  );
  const nothing = { ...limits, buyMax: 0n, sellMin: 18_446_744_073_709_551_615n };
  expect(limitWords(nothing, market.timezone)).toContain("neither to buy nor to sell");
});

test("terms that end a mandate have no end of their own", () => {
  const terms = {
    kind: "mandate", account: DELEGATE, delegate: DELEGATE, policy: POLICY, until: 0, buyPriceMax: 0, sellPriceMin: 0,
    quantityPerSlot: 0, quantityPerDay: 0, version: 1, expiry: 1_795_000_000,
  } as const;
  expect(isInForce(limitsOfTerms(terms), NOW)).toBe(false);
  expect(limitsOfTerms({ ...terms, until: 1_811_887_200 }).until).toBe("2027-06-01T22:00:00Z");
  expect(endOf(DELEGATE, POLICY)).not.toHaveProperty("until");
});

test("a limit in cents is exact, or it is none", () => {
  const cases: [string, bigint | null][] = [
    ["25", 250_000n], ["18,5", 185_000n], ["0", 0n], ["0.0001", 1n], ["0.00001", null], ["-1", null], ["", null],
    ["100000", 1_000_000_000n], ["100000.0001", null],
  ];
  for (const [text, expected] of cases) expect(readLimit(text), text).toBe(expected);
});

test("any delegate is granted what the form says", () => {
  const fields = { delegate: DELEGATE, buy: "25", sell: "", perSlot: "2.5", perDay: "20", until: "2026-12-31" };
  expect(readGrant(fields, market).wish).toEqual({
    kind: "mandate", delegate: DELEGATE, policy: POLICY, until: "2026-12-31T23:00:00Z", buy_price_max: 250_000,
    sell_price_min: Number(NO_SALE), quantity_per_slot: 2500, quantity_per_day: 20_000,
  });
  expect(readGrant({ ...fields, buy: "", sell: "0" }, market).wish).toMatchObject({ buy_price_max: 0, sell_price_min: 0 });
  const wrong: [Partial<typeof fields>, string][] = [
    [{ delegate: "me" }, "delegate"], [{ buy: "x" }, "buy"], [{ sell: "-1" }, "sell"], [{ buy: "" }, "buy"],
    [{ buy: "0" }, "buy"], [{ perSlot: "0" }, "perSlot"], [{ perDay: "2" }, "perDay"], [{ until: "" }, "until"],
  ];
  for (const [change, name] of wrong) {
    expect(Object.keys(readGrant({ ...fields, ...change }, market).problems ?? {}), name).toEqual([name]);
  }
});
