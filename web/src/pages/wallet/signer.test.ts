import { expect, test, vi } from "vitest";
import sample from "../../order.sample.json";
import type { Approval, OrderTerms } from "../../types";

// The modules around it speak to a browser.
vi.stubGlobal("window", { addEventListener: () => {} });
vi.stubGlobal("localStorage", { getItem: () => null });

const request: Approval = {
  approval: "a", account: "b", kind: "order", amount: "2500", order: sample.order as OrderTerms,
  state: "open", requested_by: "c", requested_at: "2026-06-01T10:00:00Z", expires_at: "2026-06-01T11:00:00Z",
};

test("a request says what it is about", async () => {
  const { subjectOf } = await import("./Signer");
  expect(subjectOf(request)).toBe("Sell 2.5 kWh, worth $2\u202f500.00");
  expect(subjectOf({ ...request, kind: "limit" })).toBe("Sign up to $2\u202f500.00 a day");
});
