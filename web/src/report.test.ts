import { expect, test } from "vitest";
import { byDay, lastWeek, periodError } from "./report";

test("days of a report are in order and not too many", () => {
  expect(periodError("2026-01-01", "2026-01-01")).toBeUndefined();
  expect(periodError("2026-01-01", "2027-01-01")).toBeUndefined();
  expect(periodError("2026-01-01", "2027-01-02")).toMatch(/^At most 366/);
  expect(periodError("2026-01-02", "2026-01-01")).toMatch(/ends before/);
  expect(periodError("", "2026-01-01")).toBe("Choose a day.");
});

test("the last week ends yesterday, where the community is", () => {
  expect(lastWeek("2026-05-31T22:30:00Z", "Europe/Berlin")).toEqual({ from: "2026-05-25", to: "2026-05-31" });
  expect(lastWeek("2026-05-31T22:30:00Z", "UTC")).toEqual({ from: "2026-05-24", to: "2026-05-30" });
});

test("slots of a local day add up", () => {
  const row = (slot: string, points: number, import_wh: number) => ({
    slot, points, missing: 1, import_wh, export_wh: 2, traded_wh: 3, residual_import_wh: import_wh - 3, residual_export_wh: 5,
  });
  const rows = [
    row("2026-05-31T21:45:00Z", 6, 10), row("2026-05-31T22:00:00Z", 6, 100), row("2026-06-01T21:45:00Z", 7, 1000),
  ];
  expect(byDay(rows, "Europe/Berlin")).toEqual([
    { ...row("2026-05-31", 6, 10) },
    {
      slot: "2026-06-01", points: 7, missing: 2, import_wh: 1100, export_wh: 4, traded_wh: 6,
      residual_import_wh: 1094, residual_export_wh: 10,
    },
  ]);
  expect(rows[1]?.import_wh).toBe(100);
});
