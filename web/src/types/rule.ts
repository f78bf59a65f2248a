// Standing rules, and what delegates may sign. Prices in 1e-9 currency per Wh, energy in Wh.

import type * as api from "./api";
import type { Side } from "./market";

export type RuleBody = api.RuleBody;
export type Mandate = api.MandateView;

export interface Rule extends api.RuleView {
  side: Side;
}

export interface Rules extends api.RulesView {
  items: Rule[];
}
