import { expect, test } from "vitest";
import {
  MECHANISMS, NAMES, holding, promises, readK, readMechanism, readPrice, titleOf, written,
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

test("a price of 18 cents per kWh is written in 1e-9 currency per Wh", () => {
  expect(readPrice("0.18")).toBe(180_000);
  expect(readPrice("0")).toBe(0);
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
    expect(written(name, "50", "0.18")).toEqual({ name, price: 180_000 });
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

test("the short text of a slot is read and told in words", () => {
  const cases: [string, Mechanism, string][] = [
    ["uniform", { name: "uniform", k_bps: 5000 }, "Uniform price, k 50 %"],
    ["k_pricing:0", { name: "k_pricing", k_bps: 0 }, "k-pricing, k 0 %"],
    ["k_pricing:7050", { name: "k_pricing", k_bps: 7050 }, "k-pricing, k 70.5 %"],
    ["fixed_price:180000", { name: "fixed_price", price: 180_000 }, "Fixed price, $0.18/kWh"],
    ["mc_afee", { name: "mc_afee" }, "McAfee's auction"],
    ["of_tomorrow:3", { name: "of_tomorrow:3" }, "of_tomorrow:3"],
    ["constructor", { name: "constructor" }, "constructor"],
  ];
  for (const [text, mechanism, title] of cases) {
    expect(readMechanism(text), text).toEqual(mechanism);
    expect(titleOf(mechanism)).toBe(title);
  }
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
