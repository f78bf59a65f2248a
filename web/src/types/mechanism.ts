// How slots are cleared, and what came of one.

export type MechanismName =
  | "uniform" | "fixed_price" | "mid_market" | "supply_demand" | "bill_sharing" | "static_allocation"
  | "dynamic_allocation" | "cascade_allocation" | "gsy_pay_as_clear" | "lemlab_uniform" | "pay_as_bid"
  | "k_pricing" | "continuous" | "mc_afee" | "muda" | "gsy_pay_as_bid" | "lemlab_discriminatory";

/** How prices and quantities are found. */
export interface Mechanism {
  /** One of MechanismName; a newer server may know more. */
  name: string;
  /** Where between low and high the price lies, in basis points. */
  k_bps?: number;
  /** The price that is given, in currency per kWh. */
  price?: string;
}

/** What a mechanism promises of every book. */
export interface MechanismProperties {
  one_price: boolean;
  budget_balanced: boolean;
  efficient: boolean;
  truthful: boolean;
  order_invariant: boolean;
}

/** The mechanism of the slots from a moment on; without one, what holds where nothing was chosen. */
export interface MechanismChoice {
  zone: string;
  from?: string;
  mechanism: Mechanism;
  number: number;
  properties: MechanismProperties;
}

export type SlotStatus = "future" | "open" | "closed" | "cleared";

export interface Slot {
  slot: string;
  ends: string;
  opens: string;
  gate: string;
  status: SlotStatus;
  curtailed: boolean;
  orders: number;
  wanted_wh: number;
  offered_wh: number;
  price?: string;
  volume_wh: number;
  trades: number;
  mechanism: Mechanism;
  clearing?: string;
}
