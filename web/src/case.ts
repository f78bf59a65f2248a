// Words for what surveillance found.

import { kwh, moment } from "./format";
import type { CaseState, Evidence, Figure } from "./types";

export const CASE_TONES: Record<CaseState, "warn" | "bad" | "quiet"> = {
  open: "warn",
  confirmed: "bad",
  dismissed: "quiet",
};

/** How severe a case is, in words. */
export const SEVERITIES: Record<number, string> = {
  1: "May have another reason",
  2: "Needs an explanation",
  3: "Hard to explain otherwise",
};

/** A figure with its threshold. */
export function figureText({ what, value, unit, threshold, at_most }: Figure): string {
  const bound = at_most ? "at most" : "at least";
  return `${what}: ${value} ${unit} (${bound} ${threshold})`;
}

/** A fact that a case stands on. */
export function evidenceText(piece: Evidence, zone: string): string {
  switch (piece.kind) {
    case "order": {
      const until = piece.cancelled ? `, taken back ${moment(piece.cancelled, zone)}` : "";
      const what = `${piece.side === "buy" ? "Buys" : "Sells"} ${kwh(piece.quantity_wh)} kWh at ${piece.limit}`;
      return `${what}, placed ${moment(piece.placed, zone)}${until}`;
    }
    case "trade": {
      const same = piece.buy_price === piece.sell_price;
      const price = same ? piece.buy_price : `${piece.buy_price} paid, ${piece.sell_price} got`;
      return `${kwh(piece.quantity_wh)} kWh traded at ${price}`;
    }
    case "interval":
      return `${kwh(piece.fed_in.reduce((sum, { export_wh }) => sum + export_wh, 0))} kWh fed in`;
  }
}
