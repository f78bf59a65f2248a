// Certificates: what is left of them, what may be asked, and what was retired for whom.

import { count } from "./format";
import type { AccountRequest, CertificateTerms, Holding, IssueState, Retirement } from "./types";
import type { Tone } from "./ui";

/** The longest name of a beneficiary, in bytes. */
export const BENEFICIARY_BYTES_MAX = 200;

export const ISSUE_STATES: Record<IssueState, [string, Tone]> = {
  waiting: ["Waits its turn", "info"],
  sent: ["Waits for a block", "info"],
  issued: ["Certified", "good"],
  refused: ["Refused, tried again", "warn"],
  given_up: ["Given up", "bad"],
};

export type CertificateRequest = AccountRequest & { terms: CertificateTerms };

/** Whether a request is about a certificate. */
export function isCertificate(request: AccountRequest): request is CertificateRequest {
  return request.terms.kind === "certificate_transfer" || request.terms.kind === "certificate_retirement";
}

/** Wh of a certificate that can still be given or retired: what is on its way is not in a block yet, and
 * cannot go twice. */
export function leftOf(holding: Holding, requests: CertificateRequest[]): bigint {
  const going = requests.filter(
    ({ state, terms }) => state === "sent" && BigInt(terms.certificate) === BigInt(holding.certificate),
  );
  const left = going.reduce((sum, { terms }) => sum - BigInt(terms.amount), BigInt(holding.held_wh));
  return left > 0n ? left : 0n;
}

/** Reads a whole number of Wh; null when it is none. */
export function readWh(text: string): bigint | null {
  const digits = text.trim().replace(/[\s\u202f]/g, "");
  return /^\d{1,15}$/.test(digits) ? BigInt(digits) : null;
}

/** What is wrong with an amount of Wh, if anything. */
export function whError(wh: bigint | null, left: bigint): string | undefined {
  if (wh === null || wh <= 0n) return "Enter whole watt-hours, such as 250.";
  return wh > left ? `You have only ${count(left)} Wh of it.` : undefined;
}

/** What is wrong with a beneficiary's name, if anything. */
export function beneficiaryError(name: string): string | undefined {
  if (!name.trim()) return "Enter for whom it is, such as a name and a period.";
  const bytes = new TextEncoder().encode(name.trim()).length;
  return bytes > BENEFICIARY_BYTES_MAX ? "This is too long: 200 bytes at most." : undefined;
}

/** All for whom something was retired, in order. */
export function beneficiariesOf(retirements: Retirement[]): string[] {
  return [...new Set(retirements.map((one) => one.beneficiary))].sort((one, other) => one.localeCompare(other));
}

/** What was retired, in Wh. */
export function sumOf(retirements: Retirement[]): bigint {
  return retirements.reduce((sum, one) => sum + BigInt(one.wh), 0n);
}
