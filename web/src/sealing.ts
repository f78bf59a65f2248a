// Sealed orders in words.

import { kwh, price } from "./format";
import type { Commitment, SealingChoice } from "./types";
import type { Tone } from "./ui";

/** 32 bytes that nobody can guess. */
export function newSalt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What is known of a sealed order: of one that was left with the market its account knows all. */
export function subjectOf({ order }: Commitment): string {
  if (!order) return "Opened by yourself";
  const side = order.side === "buy" ? "Buy" : "Sell";
  return `${side} ${kwh(order.quantity)} kWh at $${price(BigInt(order.limitPrice))}`;
}

/** Where it stands. */
export function standingOf({ status, refused_with, counted }: Commitment): [Tone, string] {
  switch (status) {
    case "waiting":
      return ["info", "Sealed"];
    case "opened":
      return ["good", "Opened"];
    case "withdrawn":
      return ["quiet", "Taken back"];
    case "refused":
      return ["bad", `Not taken: ${refused_with}`];
    case "expired":
      return counted ? ["bad", "Left unopened"] : ["quiet", "Not opened"];
  }
}

/** The choice that holds in the slot that starts then; none where orders are open by default. */
export function sealingAt(choices: SealingChoice[], slot: string): SealingChoice | undefined {
  const begun = choices.filter((choice) => Date.parse(choice.from) <= Date.parse(slot));
  return begun.reduce<SealingChoice | undefined>(
    (last, choice) => (last && Date.parse(last.from) > Date.parse(choice.from) ? last : choice),
    undefined,
  );
}
