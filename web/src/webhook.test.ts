import { expect, test } from "vitest";
import type { Webhook } from "./types";
import { standingOf } from "./webhook";

const webhook: Webhook = {
  id: "1",
  url: "https://example.org/",
  description: "",
  kinds: ["invoice.paid"],
  active: true,
  waiting: 0,
  failed: 0,
  created_by: "2",
  created_at: "2026-06-01T00:00:00Z",
};

test("an endpoint that fails says so, unless it is off", () => {
  const failing = { ...webhook, failing_since: "2026-06-01T00:00:00Z", waiting: 3 };
  expect(standingOf(webhook)[0]).toBe("Well");
  expect(standingOf({ ...webhook, waiting: 3 })[0]).toBe("Behind");
  expect(standingOf(failing)[0]).toBe("Failing");
  expect(standingOf({ ...failing, active: false })[0]).toBe("Off");
});
