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
