// Addresses and ids as people enter them.

const ADDRESS = /^0x[0-9a-f]{40}$/i;
const ACCOUNT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An address as it was entered; null when it is none. */
export function readAddress(text: string): string | null {
  return ADDRESS.test(text.trim()) ? text.trim().toLowerCase() : null;
}

/** An address or an account's id; null when it is neither. */
export function readRecipient(text: string): string | null {
  return readAddress(text) ?? (ACCOUNT_ID.test(text.trim()) ? text.trim().toLowerCase() : null);
}

/** Whether two texts are the same address, whatever their letters' case. */
export function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** What a market says of the caller's addresses, oldest first. */
interface Signing {
  address: string;
  addresses?: { address: string; from?: string }[];
}

/** The address that signs the caller's orders for the slot that starts at `slot`, and settles them. */
export function addressAt(cash: Signing | undefined, slot: string): string | undefined {
  const start = Date.parse(slot);
  const begun = (cash?.addresses ?? []).filter((one) => !one.from || Date.parse(one.from) <= start);
  return begun.at(-1)?.address ?? cash?.address;
}
