import { expect, test } from "vitest";
import { ageText, giroCode, readSteps, standingOf, stepsText, transferAmount, typedSteps } from "./dues";
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

test("a ladder is read from steps that rise", () => {
  const typed = "7 remind, 14 fee 2.50, 28 suspend, 42 hand over";
  const steps = readSteps(typed);
  expect(steps).toEqual([
    { days: 7, action: "remind" },
    { days: 14, action: "fee", fee: "2.50" },
    { days: 28, action: "suspend_trading" },
    { days: 42, action: "hand_over" },
  ]);
  if (typeof steps === "string") throw new Error(steps);
  expect(typedSteps(steps)).toBe(typed);
  expect(readSteps("14 Fee")).toEqual([{ days: 14, action: "fee", fee: "0" }]);
  expect(typedSteps([{ days: 14, action: "fee", fee: "0" }])).toBe("14 fee");
  expect(readSteps(" ")).toEqual([]);
  for (const wrong of ["7", "7 x", "x remind", "7 remind 2.50", "7 fee -1"]) {
    expect(readSteps(wrong)).toMatch(/^Enter steps/);
  }
  expect(readSteps("7 remind, 7 remind")).toMatch(/^Each step/);
  expect(readSteps("0 remind")).toMatch(/^Each step/);
  expect(readSteps("731 remind")).toMatch(/^Each step/);
  expect(readSteps("7 suspend")).toMatch(/^The first step/);
  expect(readSteps([1, 2, 3, 4, 5, 6, 7, 8, 9].map((day) => `${day} remind`).join(", "))).toMatch(/at most 8/);
  expect(stepsText(steps)).toBe(
    "7 days: reminder; 14 days: reminder with a fee of 2.50; 28 days: no buying from neighbours; " +
      "42 days: handed over to who collects it",
  );
  expect(stepsText([{ days: 1, action: "remind" }])).toBe("1 day: reminder");
  expect(stepsText([])).toBe("Nothing follows");
});
