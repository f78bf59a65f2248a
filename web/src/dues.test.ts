import { expect, test } from "vitest";
import { ageText, giroCode, readSteps, standingOf, stepsText, transferAmount } from "./dues";
import { qrCode } from "./qr";

const bill = {
  left: "1234.5", currency: "EUR", iban: "DE89370400440532013000", holder: "Wattex  Town e.G.", reference: "RF18539007547034",
};

test("a GiroCode says who gets how much, and what it is for", () => {
  const text = "BCD\n002\n1\nSCT\n\nWattex Town e.G.\nDE89370400440532013000\nEUR1234.50\n\nRF18539007547034";
  expect(giroCode(bill)).toBe(text);
  expect(giroCode({ ...bill, left: "0.01" })).toContain("\nEUR0.01\n");
});

test("there is no GiroCode where a bank could not pay it", () => {
  const { iban: _iban, ...noAccount } = bill;
  expect(giroCode(noAccount)).toBeNull();
  expect(giroCode({ ...bill, currency: "CHF" })).toBeNull();
  expect(giroCode({ ...bill, left: "0" })).toBeNull();
  expect(giroCode({ ...bill, left: "-3.2" })).toBeNull();
  expect(giroCode({ ...bill, left: "0.001" })).toBeNull();
  expect(giroCode({ ...bill, left: "1000000000" })).toBeNull();
});

test("a long name is cut where the standard ends, and still fits", () => {
  const text = giroCode({ ...bill, holder: "Ä".repeat(90), left: "999999999.99" }) ?? "";
  expect(text.split("\n")[5]).toBe("Ä".repeat(70));
  expect(text.split("\n")[7]).toBe("EUR999999999.99");
  expect(qrCode(text)).not.toBeNull();
});

test("what is typed into a transfer has no spaces and two decimals", () => {
  expect(transferAmount("1234.5")).toBe("1234.50");
});

test("each state is said in words", () => {
  expect(standingOf({ state: "open", days_overdue: 0 })[0]).toBe("To be paid");
  expect(standingOf({ state: "overdue", days_overdue: 1 })[0]).toBe("Overdue by 1 day");
  expect(standingOf({ state: "overdue", days_overdue: 35 })[0]).toBe("Overdue by 35 days");
  expect(standingOf({ state: "nothing", days_overdue: 0 })[0]).toBe("Nothing to pay");
  expect(standingOf({ state: "later", days_overdue: 0 })).toEqual(["later", "quiet"]);
});

test("ages are said in words", () => {
  expect(ageText({ from_days: 0, to_days: 0 })).toBe("In time");
  expect(ageText({ from_days: 1, to_days: 30 })).toBe("1 to 30 days");
  expect(ageText({ from_days: 91 })).toBe("91 days and more");
});

test("a ladder is read from days that rise", () => {
  expect(readSteps("7, 21 35")).toEqual([7, 21, 35]);
  expect(readSteps(" ")).toEqual([]);
  expect(readSteps("7, x")).toMatch(/^Enter days/);
  expect(readSteps("7, 7")).toMatch(/^Each step/);
  expect(readSteps("0, 7")).toMatch(/^Each step/);
  expect(readSteps("731")).toMatch(/^Each step/);
  expect(readSteps("1 2 3 4 5 6 7 8 9")).toMatch(/at most 8/);
  expect(stepsText([7, 21, 35])).toBe("7, 21 and 35 days");
  expect(stepsText([1])).toBe("1 day");
  expect(stepsText([])).toBe("Nobody is reminded");
});
