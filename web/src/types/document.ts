// Who stands on the documents of bills.

/** Who issues or receives a document. */
export interface DocumentParty {
  id: string;
  name: string;
  address: { street?: string; postcode?: string; city?: string; region?: string; country: string };
  vat_id?: string;
  email?: string;
}

export interface Issuer {
  party: DocumentParty;
  payment_days: number;
  exemption: string;
  /** Where the supplier's energy comes from, and how one changes the supplier: texts on bills. */
  fuel_mix?: string;
  co2_grams_per_kwh?: number;
  switching?: string;
  dispute?: { contact: string; days?: number; body?: string };
}
