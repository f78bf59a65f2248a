// Trading before the gate, in slots of the mechanism "continuous".

/** Open orders of one side at one price, of the energy alone. */
export interface Level {
  price: string;
  quantity_wh: number;
  orders: number;
}

/** What waits in the book of a slot: bids from the dearest, asks from the cheapest. */
export interface Depth {
  slot: string;
  bids: Level[];
  asks: Level[];
  trades: number;
  last_price?: string;
}

/** A trade before the gate, at the price of the energy alone. */
export interface StruckTrade {
  at: string;
  price: string;
  quantity_wh: number;
}

/** What becomes of what an order does not trade at once. */
export type TimeInForce = "good_till_gate" | "good_till_time" | "immediate_or_cancel" | "fill_or_kill";

/** The same as it is asked for. */
export interface Lifetime {
  time_in_force: TimeInForce;
  good_till?: string;
}
