// What a meter signed, read without help, and what a challenge comes to in words.

import { kwh } from "./format";
import type { PreparedChallenge, Side, SideEvidence } from "./types";
import type { Tone } from "./ui";

/** Registers in Wh and the moment they are of, as the meter signed them. */
export interface Registers {
  time: string;
  imported: bigint;
  exported: bigint;
}

/** The fewest bytes of a reading: 55 that are signed, 64 of the signature. */
const MESSAGE_BYTES = 119;
/** The lengths that a reading can have: alone, or with its place among those that were signed with it. */
const LENGTHS = [0, 1, 2, 3, 4].map((siblings) => MESSAGE_BYTES + 34 + 32 * siblings).concat(MESSAGE_BYTES);
const TAG = "4d5231";

/** The registers in a signed message; null where it is none. */
export function registers(message: string): Registers | null {
  const hex = message.replace(/^0x/, "").toLowerCase();
  if (!LENGTHS.includes(hex.length / 2) || !/^[0-9a-f]*$/.test(hex) || !hex.startsWith(TAG)) return null;
  const number = (from: number) => BigInt(`0x${hex.slice(2 * from, 2 * (from + 8))}`);
  const seconds = Number(number(23));
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) return null;
  return { time: time.toISOString(), imported: number(31), exported: number(39) };
}

/** The register that counts for a side, at the begin and at the end of the slot. */
export function shownBy(evidence: SideEvidence, side: Side): [bigint, bigint] | null {
  const [begin, end] = [evidence.begin, evidence.end].map((proof) => proof && registers(proof.message));
  if (!begin || !end) return null;
  return side === "sell" ? [begin.exported, end.exported] : [begin.imported, end.imported];
}

/** What was found, and how bad it is. */
export function verdict(found: PreparedChallenge): { tone: Tone; text: string } {
  const did = found.side === "sell" ? "fed in" : "took";
  if (!found.cuts.length) {
    return { tone: "good", text: `What was reconciled fits the registers: the meter ${did} that much or more.` };
  }
  if (found.excess_wh > 0) {
    const text = `${kwh(found.excess_wh)} kWh more were reconciled than the meter ${did}.`;
    return { tone: "bad", text };
  }
  const text = "The other side is said to have been short of energy that this meter never had.";
  return { tone: "bad", text };
}

/** "2 d 3 h", "3 h 20 min" or "5 min"; null where it is over. */
export function timeLeft(until: string, now: number): string | null {
  const minutes = Math.ceil((new Date(until).getTime() - now) / 60_000);
  if (minutes <= 0) return null;
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}
