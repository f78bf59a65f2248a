// What waits for a second person, in words.

import { kwh, money } from "./format";
import { ofMarket, requestText } from "./request";
import type { Approval } from "./types";
import type { Tone } from "./ui";

export const APPROVAL_TONES: Record<Approval["state"], Tone> = {
  open: "info", approved: "good", refused: "bad", expired: "quiet", done: "quiet",
};

/** What is asked for, in words; `nameOf` knows whose some addresses are, and of which currency some markets. */
export function subjectOf(
  { kind, order, payout, request, amount, unit }: Approval,
  nameOf: (address: string) => string | undefined = () => undefined,
): string {
  if (request) {
    const spends = request.kind === "mandate" ? `; worth up to $${money(amount, 2)} a day` : "";
    return requestText(request, nameOf) + spends;
  }
  if (payout) {
    const paid = payout.cash ? ofMarket(amount, payout.cash.market, nameOf) : `$${money(amount, 2)}`;
    return payout.iban ? `Pay out ${paid} to ${payout.creditor}, ${payout.iban}` : `Put ${paid} back into the wallet`;
  }
  if (kind === "limit" || !order) return `Sign up to ${unit === "Wh" ? amount : money(amount, 2)} ${unit} a day`;
  return `${order.side === "buy" ? "Buy" : "Sell"} ${kwh(order.quantity)} kWh, worth $${money(amount, 2)}`;
}
