import { expect, test } from "vitest";
import { addressAt } from "./address";

test("an order is signed by the address that is valid at its slot", () => {
  const addresses = [{ address: "0xa" }, { address: "0xb", from: "2026-06-30T22:00:00Z" }];
  const cash = { address: "0xa", addresses };
  expect(addressAt(cash, "2026-06-30T21:45:00Z")).toBe("0xa");
  expect(addressAt(cash, "2026-06-30T22:00:00Z")).toBe("0xb");
  expect(addressAt({ address: "0xa" }, "2026-06-30T22:00:00Z")).toBe("0xa");
  expect(addressAt(undefined, "2026-06-30T22:00:00Z")).toBeUndefined();
});
