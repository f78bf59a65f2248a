// Disputes about bills, in words.

import type { DisputeState, DisputeSummary, Ground, InvoiceLine, Said } from "./types";
import type { Tone } from "./ui";

/** The most characters that are said at once. */
export const TEXT_MAX = 4000;

export const GROUNDS: Record<Ground, string> = {
  reading: "The meter did not read that",
  trade: "Trades are missing, or are not mine",
  tariff: "Another tariff or price was agreed",
  payment: "Something was paid that it does not say",
  fee: "A fee for reminders is not owed",
  other: "Something else",
};

export const DISPUTE_STATES: Record<DisputeState, [text: string, tone: Tone]> = {
  open: ["Open", "warn"],
  upheld: ["Upheld: the bill is wrong", "good"],
  rejected: ["Rejected: the bill stands", "bad"],
  withdrawn: ["Withdrawn", "quiet"],
};

/** What a dispute is about: the whole bill, or a line of it. */
export function aboutOf({ ground, line }: Pick<DisputeSummary, "ground" | "line">, lines: InvoiceLine[] = []): string {
  const label = line === undefined ? undefined : lines[line - 1]?.label;
  const place = line === undefined ? "the whole bill" : `line ${line}${label ? ` (${label})` : ""}`;
  return `${GROUNDS[ground]}: ${place}`;
}

/** Who said it, as the reader calls them. */
export function speaker({ by }: Pick<Said, "by">, staff: boolean): string {
  if (by === "staff") return staff ? "Staff" : "The operator";
  return staff ? "The customer" : "You";
}

/** What is wrong with a text to be said, if anything. */
export function textError(text: string): string | undefined {
  const length = [...text.trim()].length;
  if (!length) return "Say what it is.";
  return length > TEXT_MAX ? `Say it in at most ${TEXT_MAX} characters.` : undefined;
}
