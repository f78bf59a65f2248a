// Standing rules, and what delegates may sign. Prices in 1e-9 currency per Wh, energy in Wh.

import type { Side } from "../types";

/** An order for every slot, as it is set. */
export interface RuleBody {
  quantity_wh?: number;
  percent?: number;
  limit_price: number;
  min_fill_wh: number;
  from?: string;
  until?: string;
}

export interface Rule extends RuleBody {
  connection_point: string;
  side: Side;
  limit_per_kwh: string;
  refused?: { code: string; title: string; slot: string; at: string };
  warnings: string[];
}

export interface Rules {
  /** Who signs their orders. */
  delegate: string;
  items: Rule[];
}

/** What an account lets a delegate sign, as the newest blocks say. */
export interface Mandate {
  delegate: string;
  /** Whether that is who signs for standing rules. */
  rules: boolean;
  policy: string;
  /** Absent where it ended. */
  until?: string;
  buy_price_max: number;
  /** In decimal: one without sales has more than a JSON number holds. */
  sell_price_min: string;
  quantity_per_slot_wh: number;
  quantity_per_day_wh: number;
}
