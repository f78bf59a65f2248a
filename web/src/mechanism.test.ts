import { expect, test } from "vitest";
import {
  MECHANISMS, NAMES, holding, promises, readK, readPrice, sharesOut, titleOf, written,
} from "./mechanism";
import type { Mechanism, MechanismChoice, MechanismProperties } from "./types";

const UNIFORM: MechanismProperties = {
  one_price: true, budget_balanced: true, efficient: true, truthful: false, order_invariant: true,
};

function choice(name: string, from?: string, zone = "north"): MechanismChoice {
  return { zone, ...(from ? { from } : {}), mechanism: { name }, number: 1, properties: UNIFORM };
}

test("every mechanism says in one sentence what it does, under a title of its own", () => {
  expect(NAMES).toHaveLength(17);
  for (const name of NAMES) expect(MECHANISMS[name].does, name).toMatch(/^[A-Z][^.]+\.$/);
  expect(new Set(NAMES.map((name) => MECHANISMS[name].title)).size).toBe(17);
});

test("a price per kWh is written as the API takes it", () => {
  expect(readPrice("0,18")).toBe("0.18");
  expect(readPrice("0")).toBe("0");
  for (const text of ["", "-0.1", "0.1234567", "eighteen", "99999999999999"]) expect(readPrice(text), text).toBeNull();
});

test("k in percent is written in basis points, from nothing to all", () => {
  const cases: [string, number | null][] = [
    ["0", 0], ["50", 5000], ["12,34", 1234], ["100", 10_000], ["100.01", null], ["-1", null], ["0.001", null], ["", null],
  ];
  for (const [text, expected] of cases) expect(readK(text), text).toBe(expected);
});

test("a mechanism is written with what it takes and no more", () => {
  expect(written("uniform", "50", "")).toEqual({ name: "uniform", k_bps: 5000 });
  expect(written("k_pricing", "70", "0.18")).toEqual({ name: "k_pricing", k_bps: 7000 });
  for (const name of ["fixed_price", "static_allocation", "dynamic_allocation", "cascade_allocation"] as const) {
    expect(written(name, "50", "0.18")).toEqual({ name, price: "0.18" });
    expect(written(name, "50", "")).toBeNull();
  }
  expect(written("mc_afee", "nonsense", "nonsense")).toEqual({ name: "mc_afee" });
  expect(written("uniform", "101", "")).toBeNull();
});

test("only these take a k or a price", () => {
  expect(NAMES.filter((name) => MECHANISMS[name].k)).toEqual(["uniform", "k_pricing"]);
  expect(NAMES.filter((name) => MECHANISMS[name].priced)).toEqual([
    "fixed_price", "static_allocation", "dynamic_allocation", "cascade_allocation",
  ]);
});

test("a mechanism is told in words", () => {
  const cases: [Mechanism, string][] = [
    [{ name: "uniform", k_bps: 5000 }, "Uniform price, k 50 %"],
    [{ name: "k_pricing", k_bps: 0 }, "k-pricing, k 0 %"],
    [{ name: "k_pricing", k_bps: 7050 }, "k-pricing, k 70.5 %"],
    [{ name: "fixed_price", price: "0.18" }, "Fixed price, $0.18/kWh"],
    [{ name: "mc_afee" }, "McAfee's auction"],
    [{ name: "of_tomorrow" }, "of_tomorrow"],
    [{ name: "constructor" }, "constructor"],
  ];
  for (const [mechanism, title] of cases) expect(titleOf(mechanism)).toBe(title);
});

test("properties are told in plain words, and a missing one where it costs somebody", () => {
  const told = (properties: MechanismProperties) => promises(properties).map(([text]) => text);
  expect(told(UNIFORM)).toEqual([
    "one price", "what buyers pay is what sellers get", "efficient", "order does not matter",
  ]);
  const worst = { one_price: false, budget_balanced: false, efficient: false, truthful: true, order_invariant: false };
  expect(told(worst)).toEqual([
    "two prices", "buyers pay more than sellers get", "truthful", "who comes first matters",
  ]);
});

test("the last choice that has begun holds, else the default, zone by zone", () => {
  const choices = [
    choice("uniform"), choice("muda", "2026-06-02T10:00:00Z"), choice("mid_market", "2026-06-01T10:00:00Z"),
    choice("continuous", "2026-06-01T00:00:00Z", "south"),
  ];
  const at = (now: string, zone = "north") => holding(choices, zone, now)?.mechanism.name;
  expect(at("2026-06-01T09:59:59Z")).toBe("uniform");
  expect(at("2026-06-01T10:00:00Z")).toBe("mid_market");
  expect(at("2026-06-03T00:00:00Z")).toBe("muda");
  expect(at("2026-06-03T00:00:00Z", "south")).toBe("continuous");
  expect(at("2026-05-03T00:00:00Z", "south")).toBeUndefined();
});

test("nobody orders where an allocation settles after the slot", () => {
  const market = (name: "uniform" | "dynamic_allocation", settleSeconds: number) => ({
    mechanism: { name }, policy: { settleSeconds },
  });
  expect(sharesOut(market("dynamic_allocation", 21_600))).toBe(true);
  expect(sharesOut(market("dynamic_allocation", 0))).toBe(false);
  expect(sharesOut(market("uniform", 21_600))).toBe(false);
});
