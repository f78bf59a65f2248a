// What bills leave to be paid, and how it is paid: in words, and as a code that banking apps read.

import { MONEY_SCALE, count, formatDecimal, parseDecimal } from "./format";
import type { AgeClass, InvoicePayment, LadderStep, StepAction } from "./types";
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

/** What a step does: as it is typed, and in words. */
const ACTIONS: Record<StepAction, [typed: string, words: string]> = {
  remind: ["remind", "reminder"],
  fee: ["fee", "reminder with a fee"],
  suspend_trading: ["suspend", "no buying from neighbours"],
  hand_over: ["hand over", "handed over to who collects it"],
};

/** What a step of the ladder does, in words. */
export function actionText(action: StepAction): string {
  return ACTIONS[action]?.[1] ?? action;
}

/** Reads "7 remind, 14 fee 2.50, 28 suspend, 42 hand over" as the steps of a ladder, and nothing as one without steps;
 * what is wrong with it where it is none. */
export function readSteps(text: string): LadderStep[] | string {
  const parts = text.split(/[,;]+/).map((part) => part.trim().toLowerCase()).filter(Boolean);
  const steps: LadderStep[] = [];
  for (const part of parts) {
    const [, day, word, amount] = /^(\d{1,4})\s+(remind|fee|suspend|hand over)(?:\s+(\d+(?:\.\d{1,9})?))?$/.exec(part) ?? [];
    const action = (Object.keys(ACTIONS) as StepAction[]).find((one) => ACTIONS[one][0] === word);
    if (!day || !action || (amount !== undefined && action !== "fee")) {
      return "Enter steps such as 7 remind, 14 fee 2.50, 28 suspend, 42 hand over.";
    }
    steps.push(action === "fee" ? { days: Number(day), action, fee: amount ?? "0" } : { days: Number(day), action });
  }
  if (steps.length > STEPS_MAX) return `A ladder has at most ${STEPS_MAX} steps.`;
  const rising = steps.every(({ days: day }, place) => day > (steps[place - 1]?.days ?? 0) && day <= STEP_DAYS_MAX);
  if (!rising) return `Each step is later than the one before, from 1 to ${STEP_DAYS_MAX} days.`;
  const first = steps[0]?.action;
  return !first || first === "remind" || first === "fee" ? steps : "The first step is a reminder or a fee.";
}

/** A ladder as it is typed. */
export function typedSteps(steps: LadderStep[]): string {
  const typed = ({ days: day, action, fee }: LadderStep) =>
    `${day} ${ACTIONS[action][0]}${action === "fee" && fee && fee !== "0" ? ` ${fee}` : ""}`;
  return steps.map(typed).join(", ");
}

/** "7 days: reminder; 14 days: reminder with a fee of 2.50". */
export function stepsText(steps: LadderStep[]): string {
  if (!steps.length) return "Nothing follows";
  const said = ({ days: day, action, fee }: LadderStep) =>
    `${days(day)}: ${actionText(action)}${action === "fee" ? ` of ${fee ?? "0"}` : ""}`;
  return steps.map(said).join("; ");
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
