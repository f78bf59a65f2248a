// Cash of the dealer that staff have given to an account: in words and checked.

import { MONEY_SCALE, parseDecimal } from "./format";
import type { DealerTransfer } from "./types";
import type { Tone } from "./ui";

/** The longest reason, in characters. */
export const REASON_MAX = 1000;

/** How a transfer of the dealer's cash stands. */
export function transferState({ state }: Pick<DealerTransfer, "state">): [text: string, tone: Tone] {
  switch (state) {
    case "open":
      return ["Waits for another person", "warn"];
    case "refused":
      return ["Stays with the dealer", "bad"];
    case "approved":
      return ["Agreed, not sent yet", "info"];
    case "sent":
      return ["Waits for a block", "info"];
    case "done":
      return ["Done", "good"];
    default:
      return ["Failed", "bad"];
  }
}

/** What is wrong with what is asked for, if anything. */
export function wishErrors(wish: { account: string; amount: string; reason: string }) {
  const amount = parseDecimal(wish.amount, MONEY_SCALE);
  const length = [...wish.reason.trim()].length;
  const long = length > REASON_MAX ? `Say it in at most ${REASON_MAX} characters.` : undefined;
  return {
    account: wish.account ? undefined : "Choose who gets it.",
    amount: amount === null || amount <= 0n ? "Enter an amount such as 12.50." : undefined,
    reason: length ? long : "Say what it is for.",
  };
}
