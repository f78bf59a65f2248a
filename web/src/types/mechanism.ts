// How slots are cleared, and what came of one.

import type * as api from "./api";
import type { SealedSlot } from "./sealing";

export type MechanismName =
  | "uniform" | "fixed_price" | "mid_market" | "supply_demand" | "bill_sharing" | "static_allocation"
  | "dynamic_allocation" | "cascade_allocation" | "gsy_pay_as_clear" | "lemlab_uniform" | "pay_as_bid"
  | "k_pricing" | "continuous" | "mc_afee" | "muda" | "gsy_pay_as_bid" | "lemlab_discriminatory";

/** Its name is one of MechanismName; a newer server may know more. */
export type Mechanism = api.Mechanism;

/** What a mechanism promises of every book. */
export interface MechanismProperties {
  one_price: boolean;
  budget_balanced: boolean;
  efficient: boolean;
  truthful: boolean;
  order_invariant: boolean;
}

/** The mechanism of the slots from a moment on; without one, what holds where nothing was chosen. */
export interface MechanismChoice extends api.ChoiceView {
  properties: MechanismProperties;
}

export type SlotStatus = "future" | "open" | "closed" | "cleared";

/** A zone in a slot; prices in currency per kWh. */
export interface ZonePrices {
  zone: string;
  /** With the network's whole fee. */
  buyer: string;
  seller: string;
  bought_wh: number;
  sold_wh: number;
}

export interface Slot extends api.SlotView {
  status: SlotStatus;
  /** How its orders are sealed, if they are. */
  sealed?: SealedSlot;
  /** Where the market has several zones, and energy was traded. */
  zones?: ZonePrices[];
  /** What full links between them earned. */
  rent?: string;
}
