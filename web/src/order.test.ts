import { expect, test } from "vitest";
import { bytes32, compact, newNonce } from "./order";

// The example of EIP-2098.
const R = "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90";
const S = "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064";

test("a wallet's signature becomes the compact one", () => {
  expect(compact(`0x${R}${S}1b`)).toBe(`0x${R}${S}`);
  expect(compact(`0x${R}${S}00`)).toBe(`0x${R}${S}`);
  const high = `fe${S.slice(2)}`;
  expect(compact(`0x${R}${S}1c`)).toBe(`0x${R}${high}`);
  expect(compact(`0x${R}${S}`)).toBe(`0x${R}${S}`);
});

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
