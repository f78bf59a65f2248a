import { expect, test } from "vitest";
import {
  beneficiariesOf, beneficiaryError, isCertificate, leftOf, readWh, sumOf, whError,
} from "./certificate";
import type { CertificateRequest } from "./certificate";
import type { AccountRequest, Holding, Retirement } from "./types";

const NUMBER = `0x${"0a".repeat(32)}`;
const about = {
  certificate: NUMBER, account: "a", connection_point: "p", device: "d", source: "F01040100",
  source_name: "Solar", slot: "2026-06-01T11:00:00Z", slot_seconds: 900,
};
const holding: Holding = { ...about, held_wh: 1000, retired_wh: 0 };

function request(state: AccountRequest["state"], wh: number, certificate = NUMBER): CertificateRequest {
  const amount = `0x${wh.toString(16)}`;
  return {
    id: "r", account: "a", state, at: "2026-06-20T11:00:00Z",
    terms: { kind: "certificate_retirement", account: "0x", certificate, amount, beneficiary: "b", nonce: "0x1", expiry: 1 },
  };
}

test("what is on its way cannot go twice", () => {
  expect(leftOf(holding, [])).toBe(1000n);
  const others = [request("done", 100), request("failed", 100), request("sent", 100, "0x1")];
  expect(leftOf(holding, others)).toBe(1000n);
  expect(leftOf(holding, [...others, request("sent", 250), request("sent", 300)])).toBe(450n);
  expect(leftOf(holding, [request("sent", 1001)])).toBe(0n);
});

test("only requests about certificates are taken for them", () => {
  expect(isCertificate(request("sent", 1))).toBe(true);
  const cash = { ...request("sent", 1), terms: { kind: "transfer" } } as unknown as AccountRequest;
  expect(isCertificate(cash)).toBe(false);
});

test("an amount is whole watt-hours, and no more than are left", () => {
  expect(readWh(" 1 200 ")).toBe(1200n);
  for (const bad of ["", "1.5", "-1", "0x12", "1e3", "9".repeat(16)]) expect(readWh(bad), bad).toBeNull();
  expect(whError(null, 5n)).toMatch(/^Enter/);
  expect(whError(0n, 5n)).toMatch(/^Enter/);
  expect(whError(5n, 5n)).toBeUndefined();
  expect(whError(6n, 5n)).toBe("You have only 5 Wh of it.");
});

test("a beneficiary has a name of 200 bytes at most", () => {
  expect(beneficiaryError("Bäckerei Weber")).toBeUndefined();
  expect(beneficiaryError("  ")).toMatch(/^Enter/);
  expect(beneficiaryError("é".repeat(100))).toBeUndefined();
  expect(beneficiaryError("é".repeat(101))).toMatch(/too long/);
});

test("a statement adds up what was retired for each", () => {
  const retired = (beneficiary: string, wh: number): Retirement => ({
    ...about, beneficiary, wh, at: "2026-06-20T11:00:00Z", block: 7, transaction: "0x",
  });
  const all = [retired("Weber", 100), retired("Anna", 50), retired("Weber", 25)];
  expect(beneficiariesOf(all)).toEqual(["Anna", "Weber"]);
  expect(sumOf(all)).toBe(175n);
  expect(sumOf([])).toBe(0n);
});
