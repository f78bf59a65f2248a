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
  dispute?: { contact: string; days?: number; body?: string };
}
