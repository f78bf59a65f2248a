import { expect, test } from "vitest";
import { evidenceText, figureText } from "./case";
import { wishText } from "./risk";
import type { Consent } from "./types";

const consent: Consent = {
  consent: "c", zone: "z", wish: "start", state: "open", asked_by: "p",
  asked_at: "2026-06-01T10:00:00Z", expires_at: "2026-06-02T10:00:00Z",
};

test("what takes two says what it is about, and of limits only those that change", () => {
  expect(wishText(consent)).toBe("Start trading again");
  const trader = { kind: "sell-rules", id: "home" } as const;
  expect(wishText({ ...consent, wish: "resume", trader })).toBe("Let trade again: Standing rule that sells, at home");
  const limits = { loss_percent: null, stale_slots: 3 };
  expect(wishText({ ...consent, wish: "limits", limits }, { loss_percent: 10, stale_slots: 3 })).toBe(
    "Other limits: loss_percent no limit",
  );
});

test("a case is told by its figures and by what they stand on", () => {
  const figure = { what: "of all round trips", value: 95, unit: "%", threshold: 90, at_most: false };
  expect(figureText(figure)).toBe("of all round trips: 95 % (at least 90)");
  const slot = "2026-06-01T10:00:00Z";
  const trade = { kind: "trade", slot, buy_order: "b", sell_order: "s", quantity_wh: 1500 } as const;
  expect(evidenceText({ ...trade, buy_price: "0.2", sell_price: "0.2" }, "UTC")).toBe("1.5 kWh traded at 0.2");
  expect(evidenceText({ ...trade, buy_price: "0.2", sell_price: "0.1" }, "UTC")).toContain("0.2 paid, 0.1 got");
  const fed_in = [{ connection_point: "a", export_wh: 200 }, { connection_point: "b", export_wh: 300 }];
  expect(evidenceText({ kind: "interval", slot, owner: "o", fed_in }, "UTC")).toBe("0.5 kWh fed in");
  const order = {
    kind: "order", slot, order: "o", account: "a", side: "sell", quantity_wh: 500, limit: "0.1", placed: slot,
  } as const;
  expect(evidenceText(order, "UTC")).toMatch(/^Sells 0\.5 kWh at 0\.1, placed /);
  expect(evidenceText({ ...order, cancelled: slot }, "UTC")).toMatch(/, taken back /);
});
