// What bills leave to be paid, and how it is paid: in words, and as a code that banking apps read.

import { MONEY_SCALE, count, formatDecimal, parseDecimal } from "./format";
import type { AgeClass, InvoicePayment } from "./types";
import type { Tone } from "./ui";

/** How a bill stands, in words. */
export function standingOf(payment: Pick<InvoicePayment, "state" | "days_overdue">): [text: string, tone: Tone] {
  const { state, days_overdue } = payment;
  switch (state) {
    case "open":
      return ["To be paid", "info"];
    case "overdue":
      return [`Overdue by ${days(days_overdue)}`, "bad"];
    case "paid":
      return ["Paid", "good"];
    case "nothing":
      return ["Nothing to pay", "quiet"];
    case "credit":
      return ["Credit: you get it back", "good"];
    default:
      return [state, "quiet"];
  }
}

/** "1 day", "12 days". */
export function days(number: number): string {
  return number === 1 ? "1 day" : `${count(number)} days`;
}

/** A class of ages, in words. */
export function ageText({ from_days, to_days }: Pick<AgeClass, "from_days" | "to_days">): string {
  if (from_days === 0) return "In time";
  return to_days === undefined ? `${from_days} days and more` : `${from_days} to ${days(to_days)}`;
}

/** The most days of the last step, and the most steps. */
export const STEP_DAYS_MAX = 730;
export const STEPS_MAX = 8;

/** Reads "7, 21, 35" as the days of a ladder, and nothing as one without steps; what is wrong with it where it is
 * none. */
export function readSteps(text: string): number[] | string {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  if (!parts.every((part) => /^\d{1,4}$/.test(part))) return "Enter days such as 7, 21, 35.";
  const steps = parts.map(Number);
  if (steps.length > STEPS_MAX) return `A ladder has at most ${STEPS_MAX} steps.`;
  const rising = steps.every((step, place) => step > (steps[place - 1] ?? 0) && step <= STEP_DAYS_MAX);
  return rising ? steps : `Each step is later than the one before, from 1 to ${STEP_DAYS_MAX} days.`;
}

/** "7, 21 and 35 days". */
export function stepsText(steps: number[]): string {
  const last = steps.at(-1);
  if (last === undefined) return "Nobody is reminded";
  const before = steps.slice(0, -1).map((step) => count(step));
  return before.length ? `${before.join(", ")} and ${days(last)}` : days(last);
}

/** The most that a GiroCode can ask for: 999 999 999.99. */
const GIRO_CENTS_MAX = 99_999_999_999n;
const GIRO_NAME_MAX = 70;

/** The text of a GiroCode (EPC069-12, version 002 in UTF-8) that pays what is left; null where none can: it is of
 * euros, whole cents and a bank account that is known. */
export function giroCode(payment: Pick<InvoicePayment, "left" | "currency" | "iban" | "holder" | "reference">): string | null {
  const { currency, iban, holder, reference } = payment;
  const cents = parseDecimal(payment.left, 2);
  if (currency !== "EUR" || !iban || !holder || cents === null || cents <= 0n || cents > GIRO_CENTS_MAX) return null;
  const name = [...holder.replace(/\s+/g, " ").trim()].slice(0, GIRO_NAME_MAX).join("");
  const bic = "";
  const purpose = "";
  return ["BCD", "002", "1", "SCT", bic, name, iban, `EUR${plainCents(cents)}`, purpose, reference].join("\n");
}

function plainCents(cents: bigint): string {
  return formatDecimal(cents, 2, 2).replaceAll("\u202f", "");
}

/** An amount as people type it into a transfer: "1234.50". */
export function transferAmount(left: string): string {
  const value = parseDecimal(left, MONEY_SCALE);
  return value === null ? left : formatDecimal(value, MONEY_SCALE, 2).replaceAll("\u202f", "");
}
