import { expect, test } from "vitest";
import { isGranted, needOfMember, shareWords, standing, stateOfMember } from "./sharing";
import type { ConnectionPoint, Mandate, Market, Membership, Memberships } from "./types";

const market = { now: "2026-06-01T10:00:00Z", slot_minutes: 15, policy_id: "0xab" } as Market;
const point = { connection_point: "p", import_max_w: 8_000, export_max_w: 20_000 } as ConnectionPoint;
const member: Membership = { account: "a", connection_point: "p", from: "2026-06-01T09:00:00Z", warnings: [] };
const about: Memberships = {
  shared: true, mechanism: { name: "dynamic_allocation", price: "0.15" }, delegate: "0x1", policy: "0xab",
  buy_limit: 162_000, sell_limit: 148_000, items: [member],
};
const mandate = {
  delegate: "0x1", policy: "0xab", until: "2027-01-01T00:00:00Z", buy_price_max: 162_000, sell_price_min: "148000",
  quantity_per_slot_wh: 5_000, quantity_per_day_wh: 100_000,
} as Mandate;

test("a member grants what its connection carries at the price of the community", () => {
  const need = needOfMember(about, point, undefined, market)!;
  expect([need.buyMax, need.sellMin, need.granted]).toEqual([162_000n, 148_000n, 5_000n]);
  expect(isGranted(about, point, undefined, market)).toBe(false);
  expect(isGranted(about, point, mandate, market)).toBe(true);
  expect(isGranted(about, point, { ...mandate, quantity_per_slot_wh: 4_999 }, market)).toBe(false);
  expect(needOfMember({ ...about, buy_limit: undefined }, point, mandate, market)).toBeNull();
});

test("what was granted for rules stays granted", () => {
  const wide = { ...mandate, buy_price_max: 300_000, sell_price_min: "90000", quantity_per_slot_wh: 9_000 };
  const need = needOfMember(about, point, wide, market)!;
  expect([need.buyMax, need.sellMin, need.granted]).toEqual([300_000n, 90_000n, 9_000n]);
});

test("a membership that is over is history", () => {
  const over = { ...member, until: "2026-06-01T10:00:00Z" };
  const next = { ...member, from: "2026-06-01T10:15:00Z" };
  expect(standing({ ...about, items: [over] }, "a", market.now)).toBeUndefined();
  expect(standing({ ...about, items: [over, next] }, "a", market.now)).toBe(next);
  expect(standing(about, "b", market.now)).toBeUndefined();
  expect(stateOfMember(next, true, undefined, market.now)[1]).toBe("To come");
  expect(stateOfMember(member, false, "block", market.now)[1]).toBe("Waits for the block");
  expect(stateOfMember(member, true, undefined, market.now)[1]).toBe("Member");
  expect([shareWords(3_000), shareWords(1_250)]).toEqual(["30 %", "12.5 %"]);
});
