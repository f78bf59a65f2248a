// What waits for a second person, in words.

import { kwh, money } from "./format";
import { requestText } from "./request";
import type { Approval } from "./types";
import type { Tone } from "./ui";

export const APPROVAL_TONES: Record<Approval["state"], Tone> = {
  open: "info", approved: "good", refused: "bad", expired: "quiet", done: "quiet",
};

/** What is asked for, in words; `nameOf` knows whose some addresses are. */
export function subjectOf(
  { kind, order, payout, request, amount }: Approval,
  nameOf?: (address: string) => string | undefined,
): string {
  if (request) {
    const spends = request.kind === "mandate" ? `; worth up to $${money(amount, 2)} a day` : "";
    return requestText(request, nameOf) + spends;
  }
  if (payout && !payout.iban) return `Put $${money(amount, 2)} back into the wallet`;
  if (payout) return `Pay out $${money(amount, 2)} to ${payout.creditor}, ${payout.iban}`;
  if (kind === "limit" || !order) return `Sign up to $${money(amount, 2)} a day`;
  return `${order.side === "buy" ? "Buy" : "Sell"} ${kwh(order.quantity)} kWh, worth $${money(amount, 2)}`;
}
