import { expect, test } from "vitest";
import { aboutOf, speaker, textError } from "./dispute";

const line = (label: string) => ({ class: "retail", label, exact: "1", amount: "1" });

test("a dispute says what it is about, lines counted from one", () => {
  const lines = [line("Standing charge"), line("Energy, day")];
  expect(aboutOf({ ground: "reading", line: 2 }, lines)).toBe("The meter did not read that: line 2 (Energy, day)");
  expect(aboutOf({ ground: "reading", line: 2 })).toBe("The meter did not read that: line 2");
  expect(aboutOf({ ground: "other" }, lines)).toBe("Something else: the whole bill");
});

test("who said something depends on who reads it", () => {
  expect(speaker({ by: "customer" }, false)).toBe("You");
  expect(speaker({ by: "customer" }, true)).toBe("The customer");
  expect(speaker({ by: "staff" }, false)).toBe("The operator");
});

test("what is said is something, and not too long", () => {
  expect(textError(" \n")).toBe("Say what it is.");
  expect(textError("€".repeat(4000))).toBeUndefined();
  expect(textError("€".repeat(4001))).toMatch(/at most 4000/);
});
