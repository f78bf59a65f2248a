import { expect, test } from "vitest";
import { amountIn, balanceOf, codeAt, labelOf, namedIn, unitsOf } from "./currency";

const EURO = { code: "EUR", token: "0x61", market: "0x62", traded: true };
const FRANC = { code: "CHF", token: "0x71", market: "0xAB", traded: false };

test("one currency is written with a sign, several with their codes", () => {
  const [only] = unitsOf([EURO]);
  expect(amountIn(only!, "1234.5")).toBe("$1\u202f234.50");
  expect(labelOf(only!)).toBe("$");
  const both = unitsOf([FRANC, EURO]);
  expect(both.map((unit) => amountIn(unit, "12.5"))).toEqual(["12.50 EUR", "12.50 CHF"]);
  expect(both.map(labelOf)).toEqual(["EUR", "CHF"]);
  expect(unitsOf([])).toEqual([]);
});

test("the first currency is what a request is of that names none", () => {
  expect(unitsOf([EURO, FRANC]).map(namedIn)).toEqual([{}, { currency: "CHF" }]);
});

test("a currency is found by its code, and by its market in any case of letters", () => {
  const parts = { free: "0", locked: "0", escrow: "0", collateral: "0", total: "0" };
  const balances = [{ currency: "EUR", ...parts }, { currency: "CHF", ...parts, total: "3" }];
  expect(balanceOf(balances, FRANC)?.total).toBe("3");
  expect(balanceOf([], FRANC)).toBeUndefined();
  expect(codeAt(unitsOf([EURO, FRANC]), "0xab")).toBe("CHF");
  expect(codeAt([], "0xab")).toBeUndefined();
});
