// The next address of an account: what is asked for and signed, in words and checked.

import { readAddress, sameAddress } from "./address";
import { addDays, dateIn, dayStart } from "./format";
import { timestamp } from "./slots";
import type { AccountAddress, AddressWish, PreparedAddress } from "./types";
import type { Tone } from "./ui";

/** What is wrong with the next address, if anything; `own` are those that the account has or had. */
export function addressError(text: string, own: string[]): string | undefined {
  const address = readAddress(text);
  if (!address) return "Enter an address: 0x and 40 digits.";
  return own.some((one) => sameAddress(one, address)) ? "Your account has or had this address." : undefined;
}

/** The moment at which a local day begins, as it is asked for; the earliest there can be where none is chosen. */
export function fromOf(date: string, zone: string | undefined): { from?: string } {
  return date ? { from: timestamp(dayStart(date, zone)) } : {};
}

/** The first day that can be chosen at all: the server says which one is far enough ahead. */
export const firstDay = (now: string, zone: string | undefined) => addDays(dateIn(now, zone), 1);

/** How an address stands at a moment. */
export function standingAt({ from, until }: AccountAddress, now: string): [text: string, tone: Tone] {
  const at = Date.parse(now);
  if (until && Date.parse(until) <= at) return ["Over", "quiet"];
  return from && Date.parse(from) > at ? ["Next", "info"] : ["In force", "good"];
}

const OTHER = "The server prepared something else than was asked for. Nothing was signed.";

/** Throws where what was prepared is not what the account wished, or not what its wallet would sign. */
export function checkAddress(prepared: PreparedAddress, wish: AddressWish, former: string): PreparedAddress {
  const { address, from, succession, enrolments } = prepared;
  const { message, domain } = succession;
  const same =
    sameAddress(address, wish.address) &&
    sameAddress(prepared.former, former) &&
    (wish.from === undefined || Date.parse(wish.from) === Date.parse(from));
  const shown =
    domain.name === "Wattex Identity" &&
    sameAddress(message.account ?? "", former) &&
    sameAddress(message.successor ?? "", wish.address) &&
    Number(message.from) * 1000 === Date.parse(from);
  const meters = enrolments.every(
    ({ typed_data: of }) => of.domain.name === "Wattex MeterRegistry" && sameAddress(of.message.owner ?? "", wish.address),
  );
  if (!same || !shown || !meters) throw new Error(OTHER);
  return prepared;
}
