import { expect, test } from "vitest";
import { destinationOf, duration, spaced } from "./payout";

test("a delay is told in whole units, never too short", () => {
  const told: [number, string][] = [
    [0, "1 minute"], [60, "1 minute"], [61, "2 minutes"], [3600, "60 minutes"], [3601, "2 hours"],
    [86_400, "24 hours"], [3 * 86_400, "3 days"],
  ];
  for (const [seconds, words] of told) expect(duration(seconds)).toBe(words);
});

test("an account number is printed in groups of four", () => {
  expect(spaced("NO9386011117947")).toBe("NO93 8601 1117 947");
  expect(spaced("GB82WEST12345698765432")).toBe("GB82 WEST 1234 5698 7654 32");
});

test("a payout goes to a bank account, or back into the wallet", () => {
  expect(destinationOf({ creditor: "Hanna", iban: "NO9386011117947" })).toBe("Hanna, NO93 8601 1117 947");
  expect(destinationOf({ creditor: "wallet", iban: "" })).toBe("Your wallet, to trade with");
});
