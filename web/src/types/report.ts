// Rows of reports for who supplies, and runs the grid.

import type * as api from "./api";

export type SettlementRow = api.SettlementRow;
export type ResidualRow = api.ResidualRow;
export type ChargeRow = api.ChargeRow;
export type UnbilledRow = api.UnbilledRow;
export type EstimatedRow = api.EstimatedRow;
export type ShadowFile = api.ShadowFile;
export type ShadowReport = api.ShadowReport;
export type ShadowBill = api.ShadowBill;
