// Tariffs that two of the staff decide about.

import type * as api from "./api";

export type TariffProposal = api.TariffProposalSummary;

/** A proposal with the tariff and who would pay more. */
export interface ProposedTariff extends api.TariffProposalView {
  simulation?: api.SimulationView;
}

export type SimulatedMember = api.SimulatedMember;

/** In which form a tariff is sent. */
export type TariffForm = "sheet" | "urdb";
