import { expect, test } from "vitest";
import { bytes32, newNonce } from "./order";

test("an id fills the first half of a word", () => {
  expect(bytes32("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051")).toBe(
    `0x0190a1b2c3d47e5f8a9b0c1d2e3f4051${"0".repeat(32)}`,
  );
});

test("two nonces differ and have no leading zeros", () => {
  const nonces = new Set(Array.from({ length: 100 }, newNonce));
  expect(nonces.size).toBe(100);
  for (const nonce of nonces) expect(nonce).toMatch(/^0x[1-9a-f][0-9a-f]{0,31}$/);
});
