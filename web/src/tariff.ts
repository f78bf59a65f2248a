// Proposals of tariffs, in words.

import { MONEY_SCALE, count, money, readDecimal } from "./format";
import type { TariffForm, TariffProposal } from "./types";
import type { Tone } from "./ui";

/** The longest document of a tariff, in characters. */
export const TARIFF_MAX = 256 * 1024;

/** How a proposal stands. */
export function proposalState({ state }: Pick<TariffProposal, "state">): [text: string, tone: Tone] {
  switch (state) {
    case "approved":
      return ["Published", "good"];
    case "refused":
      return ["Refused", "bad"];
    case "expired":
      return ["Nobody decided in time", "quiet"];
    default:
      return ["Waits for another person", "warn"];
  }
}

/** Who would pay more, in a line. */
export function outcomeText({ outcome }: Pick<TariffProposal, "outcome">): string {
  const { dearer = 0, cheaper = 0, difference, currency, not_simulated: code, why } = outcome;
  if (code === "NO_TARIFF") return "The first tariff: there is nothing to compare it with";
  if (code) return why ?? code;
  return `${count(dearer)} pay more, ${count(cheaper)} pay less; all together ${signed(difference ?? "0")} ${currency}`;
}

/** An amount with its sign, unless it is nothing. */
export function signed(amount: string): string {
  return `${readDecimal(amount, MONEY_SCALE) > 0n ? "+" : ""}${money(amount, 2)}`;
}

/** What is wrong with a document, if anything that needs no server. */
export function documentError(text: string): string | undefined {
  if (!text.trim()) return "Bring the tariff as a file, or paste it.";
  return text.length > TARIFF_MAX ? "A tariff has at most 256 KiB." : undefined;
}

/** What is wrong with the first day, which a rate of the database does not say by itself. */
export function firstDayError(form: TariffForm, day: string): string | undefined {
  return form === "urdb" && !day ? "Say from which day on it holds." : undefined;
}
