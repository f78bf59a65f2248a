import { TextField } from "../../fields";
import type { DocumentParty } from "../../types";

/** What a person writes of a party. */
export interface PartyTexts {
  name: string;
  street: string;
  postcode: string;
  city: string;
  country: string;
  vat_id: string;
  email: string;
}

export function textsOf(party: DocumentParty | null): PartyTexts {
  return {
    name: party?.name ?? "",
    street: party?.address.street ?? "",
    postcode: party?.address.postcode ?? "",
    city: party?.address.city ?? "",
    country: party?.address.country ?? "",
    vat_id: party?.vat_id ?? "",
    email: party?.email ?? "",
  };
}

/** What stays empty is not said. */
function filled(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, text]) => text.trim() !== ""));
}

export function partyOf(texts: PartyTexts): Omit<DocumentParty, "id"> {
  const { name, country, street, postcode, city, vat_id, email } = texts;
  return {
    name,
    address: { ...filled({ street, postcode, city }), country: country.toUpperCase() },
    ...filled({ vat_id, email }),
  };
}

const FIELDS: [keyof PartyTexts, string, string | undefined, string][] = [
  ["name", "Name", undefined, "name"],
  ["street", "Street and number", undefined, "address-line1"],
  ["postcode", "Postal code", undefined, "postal-code"],
  ["city", "Town", undefined, "address-level2"],
  ["country", "Country", "Two letters, such as DE", "country"],
  ["vat_id", "VAT number", "With its country in front. Most households have none.", "off"],
  ["email", "E-mail", undefined, "email"],
];

const REQUIRED: (keyof PartyTexts)[] = ["name", "country"];

/** The fields of a form that names a party. */
export function PartyFields(props: { texts: PartyTexts; change: (texts: PartyTexts) => void }) {
  return FIELDS.map(([field, label, hint, complete]) => (
    <TextField
      key={field}
      label={label}
      hint={hint}
      autoComplete={complete}
      required={REQUIRED.includes(field)}
      maxLength={field === "country" ? 2 : 200}
      value={props.texts[field]}
      onChange={(text) => props.change({ ...props.texts, [field]: text })}
    />
  ));
}
