import { expect, test } from "vitest";
import type { Band, Side } from "../../types";
import { bandOf, warningOf } from "./band";

const BAND: Band = {
  slot: "2026-06-01T10:00:00Z", retail_price: "0.3", feed_in_price: "0.08", network_fee: "0.01",
  buyer_fee: "0.002", seller_fee: "0.002", low: "0.082", high: "0.288", gain: "0.206",
};

test("a buyer's band is all-in, a seller's is net", () => {
  expect(bandOf(BAND, "buy")).toEqual({ low: 94_000n, high: 300_000n });
  expect(bandOf(BAND, "sell")).toEqual({ low: 80_000n, high: 286_000n });
});

test("a limit outside the band is warned of, at each end and for each side", () => {
  const cases: [Side, bigint, RegExp | null][] = [
    ["buy", 300_000n, null], ["buy", 300_001n, /lose.*0\.30/], ["buy", 94_000n, null],
    ["buy", 93_999n, /hardly/], ["sell", 80_000n, null], ["sell", 79_999n, /lose.*0\.08/],
    ["sell", 286_000n, null], ["sell", 286_001n, /hardly/],
  ];
  for (const [side, limit, expected] of cases) {
    const warning = warningOf(BAND, side, limit);
    if (expected) expect(warning).toMatch(expected);
    else expect(warning).toBeNull();
  }
});

test("where nobody can gain, every price is warned of", () => {
  const { low: _low, high: _high, ...empty } = BAND;
  expect(bandOf(empty, "buy")).toBeNull();
  expect(warningOf(empty, "buy", 180_000n)).toMatch(/lose/);
});
