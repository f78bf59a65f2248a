// The next address of an account: what is asked for and signed, in words and checked.

import { readAddress, sameAddress } from "./address";
import { addDays, dateIn, dayStart } from "./format";
import { timestamp } from "./slots";
import type { AccountAddress, AddressWish, Meter, PreparedAddress, TypedData } from "./types";
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

/** The contracts that the account deals with, and its meters as they are registered. */
export interface Known {
  chain: number;
  market: string;
  registry: string;
  meters: Pick<Meter, "meter" | "key" | "connection_point">[];
}

/** What is signed, field by field (EIP-712). */
const SUCCESSION = "address account,address successor,uint64 from";
const ENROLMENT =
  "bytes32 meter,address key,address owner,address installer,bytes32 connectionPoint,uint32 version";
const DOMAIN = "string name,string version,uint256 chainId,address verifyingContract";

/** Throws where what was prepared is not what the account wished, or not what its wallet would sign. */
export function checkAddress(prepared: PreparedAddress, wish: AddressWish, former: string, known: Known): PreparedAddress {
  const { address, from, succession, enrolments } = prepared;
  const { message } = succession;
  const same =
    sameAddress(address, wish.address) &&
    sameAddress(prepared.former, former) &&
    (wish.from === undefined || Date.parse(wish.from) === Date.parse(from));
  const shown =
    isOf(succession, ["Succession", SUCCESSION], ["Wattex Identity", known.chain, known.market]) &&
    sameAddress(message.account ?? "", former) &&
    sameAddress(message.successor ?? "", wish.address) &&
    Number(message.from) * 1000 === Date.parse(from);
  const meters = enrolments.every(({ meter, typed_data: of }) => {
    const own = known.meters.find((one) => one.meter === meter);
    return (
      own !== undefined &&
      isOf(of, ["Enrolment", ENROLMENT], ["Wattex MeterRegistry", known.chain, known.registry]) &&
      sameAddress(of.message.owner ?? "", wish.address) &&
      sameAddress(of.message.key ?? "", own.key) &&
      of.message.meter?.toLowerCase() === word(meter) &&
      of.message.connectionPoint?.toLowerCase() === word(own.connection_point) &&
      readAddress(of.message.installer ?? "") !== null &&
      Number(of.message.version) >= 1
    );
  });
  if (!same || !shown || !meters) throw new Error(OTHER);
  return prepared;
}

/** Whether typed data is of this struct, for this contract. */
function isOf(of: TypedData, [name, fields]: [string, string], [domain, chain, contract]: [string, number, string]) {
  const written = (struct: string) => of.types[struct]?.map(({ name, type }) => `${type} ${name}`).join();
  return (
    of.primaryType === name &&
    written(name) === fields &&
    written("EIP712Domain") === DOMAIN &&
    of.domain.name === domain &&
    of.domain.version === "1" &&
    of.domain.chainId === chain &&
    sameAddress(of.domain.verifyingContract, contract)
  );
}

/** An id in a contract's 32 bytes. */
function word(id: string): string {
  return `0x${id.replaceAll("-", "").toLowerCase()}${"0".repeat(32)}`;
}
