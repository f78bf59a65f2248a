// What was issued after bills, in words.

import { MONEY_SCALE, readDecimal } from "./format";
import type { Cancellation, Correction, InvoicePayment } from "./types";
import type { Tone } from "./ui";

/** The most characters of a reason to take a bill back. */
export const REASON_MAX = 1000;

/** What a correction is to whose bill it corrects. */
export function kindOf({ kind }: Pick<Correction, "kind">): [text: string, tone: Tone] {
  switch (kind) {
    case "credit_note":
      return ["Credit note: less", "good"];
    case "invoice":
      return ["Additional bill: more", "warn"];
    default:
      return ["Other lines, the same total", "quiet"];
  }
}

/** Why it was made. */
export function causeOf({ cause }: Pick<Correction, "cause">): string {
  switch (cause) {
    case "cancelled":
      return "The bill is taken back";
    case "anew":
      return "The bill, issued anew";
    default:
      return "Readings or trades changed";
  }
}

/** How a wish to take a bill back stands. */
export function cancellationState({ state }: Pick<Cancellation, "state">): [text: string, tone: Tone] {
  switch (state) {
    case "approved":
      return ["Taken back", "good"];
    case "refused":
      return ["Left as it is", "bad"];
    default:
      return ["Waits for another person", "warn"];
  }
}

/** Whether corrections changed what a bill leaves. */
export function isCorrected({ corrected }: Pick<InvoicePayment, "corrected">): boolean {
  return readDecimal(corrected, MONEY_SCALE) !== 0n;
}

/** What is wrong with a reason, if anything. */
export function reasonError(reason: string): string | undefined {
  const length = [...reason.trim()].length;
  if (!length) return "Say what is wrong with the bill.";
  return length > REASON_MAX ? `Say it in at most ${REASON_MAX} characters.` : undefined;
}
