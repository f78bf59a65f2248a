// Numbers and times as people read them. Money and energy stay integers (BigInt) or the exact decimal
// strings that the API sends; a float is used for nothing but pixels.

/** Decimals of an amount of money: 1e-9 currency. */
export const MONEY_SCALE = 9;
/** Decimals of a price per kWh: 1e-9 currency per Wh = 1e-6 per kWh. */
export const PRICE_SCALE = 6;
/** Decimals of the same price in hundredths: 1e-4 ct per kWh. */
export const CENT_SCALE = 4;
/** Decimals of an energy in kWh: whole Wh. */
export const ENERGY_SCALE = 3;

/** Reads "12.5" as an integer of `scale` decimals; null when it is no number or has more decimals. */
export function parseDecimal(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d{1,18})?(?:\.(\d*))?$/.exec(text.trim().replace(",", "."));
  if (!match || (!match[2] && !match[3])) return null;
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  if (fraction.length > scale) return null;
  const digits = BigInt((match[2] ?? "0") + fraction.padEnd(scale, "0"));
  return match[1] ? -digits : digits;
}

/** Like parseDecimal, for what the API sent: cuts what does not fit, and zero for nonsense. */
export function readDecimal(text: string, scale: number): bigint {
  const [whole = "0", fraction = ""] = text.split(".");
  return parseDecimal(`${whole}.${fraction.slice(0, scale)}`, scale) ?? 0n;
}

/** Writes an integer of `scale` decimals, with at least `min` and, rounded half away from zero, at
 * most `max` decimals, and with thin spaces between thousands. */
export function formatDecimal(value: bigint, scale: number, min = 0, max = scale): string {
  const negative = value < 0n;
  let magnitude = negative ? -value : value;
  const cut = scale - Math.min(max, scale);
  if (cut > 0) {
    const unit = 10n ** BigInt(cut);
    magnitude = ((magnitude + unit / 2n) / unit) * unit;
  }
  const digits = magnitude.toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const fraction = (scale ? digits.slice(-scale) : "").replace(/0+$/, "").padEnd(min, "0");
  const sign = negative && magnitude > 0n ? "\u2212" : "";
  return sign + whole + (fraction ? `.${fraction}` : "");
}

/** The plain form of an integer of `scale` decimals, as the API takes it: "0.9". */
export function plainDecimal(value: bigint, scale: number): string {
  return formatDecimal(value, scale).replaceAll("\u202f", "").replace("\u2212", "-");
}

/** Writes all values of a column with as many decimals as the longest of them needs, so that their
 * points stand in one line. */
export function column(values: bigint[], scale: number, min: number, max: number) {
  const needed = (value: bigint) => /\.(\d+)$/.exec(formatDecimal(value, scale, 0, max))?.[1]?.length ?? 0;
  const decimals = values.reduce((most, value) => Math.max(most, needed(value)), min);
  return (value: bigint) => formatDecimal(value, scale, decimals, max);
}

/** "0.9" as "0.90": an amount of money, exact to a thousandth of a cent at most. */
export function money(amount: string | bigint, max = 5): string {
  const value = typeof amount === "bigint" ? amount : readDecimal(amount, MONEY_SCALE);
  return formatDecimal(value, MONEY_SCALE, 2, max);
}

/** A price per kWh: "0.18". */
export function price(perKwh: string | bigint): string {
  const value = typeof perKwh === "bigint" ? perKwh : readDecimal(perKwh, PRICE_SCALE);
  return formatDecimal(value, PRICE_SCALE, 2);
}

/** A price per kWh in hundredths: 0.185 is "18.5". */
export function cents(perKwh: bigint): string {
  return formatDecimal(perKwh, CENT_SCALE);
}

/** Watt-hours as kWh: 1500 is "1.5". */
export function kwh(wh: number | bigint, min = 0): string {
  return formatDecimal(BigInt(wh), ENERGY_SCALE, min);
}

/** What `wh` cost at a price of PRICE_SCALE: exact, in MONEY_SCALE. */
export function costOf(pricePerKwh: bigint, wh: bigint): bigint {
  return pricePerKwh * wh;
}

/** A whole number with thin spaces. */
export function count(value: number | bigint | string): string {
  return formatDecimal(BigInt(value), 0);
}

/** Wei as gwei: 1500000 is "0.0015". */
export function gwei(wei: number): string {
  return formatDecimal(BigInt(wei), 9);
}

/** For pixels only: where a value lies. */
export function forPixels(value: bigint, scale: number): number {
  return Number(value) / 10 ** scale;
}

/** What is behind a trade's money: a run of the operator, a proven challenge, or nothing in time. */
export function runName(run: number): string {
  if (run === 255) return "Expired: nothing was delivered";
  return run === 254 ? "Cut after a challenge" : `Reconciled R${run}`;
}

/** "0x1234…cdef". */
export function short(hash: string): string {
  return hash.length > 14 ? `${hash.slice(0, 8)}…${hash.slice(-4)}` : hash;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string | undefined, options: Intl.DateTimeFormatOptions) {
  const key = `${zone}|${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone, hourCycle: "h23" });
    formats.set(key, format);
  }
  return format;
}

/** "14:15" in a time zone. */
export function clock(moment: string | Date, zone?: string): string {
  return formatOf(zone, { hour: "2-digit", minute: "2-digit" }).format(new Date(moment));
}

/** "Mon 1 Jun" in a time zone. */
export function day(moment: string | Date, zone?: string): string {
  return formatOf(zone, { weekday: "short", day: "numeric", month: "short" }).format(
    new Date(moment),
  );
}

/** "1 Jun" in a time zone. */
export function dayShort(moment: string | Date, zone?: string): string {
  return formatOf(zone, { day: "numeric", month: "short" }).format(new Date(moment));
}

/** "Mon 1 Jun, 14:15" in a time zone. */
export function moment(at: string | Date, zone?: string): string {
  return `${day(at, zone)}, ${clock(at, zone)}`;
}

/** "2026-06-01 12:15:30 UTC". */
export function utc(at: string): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "14:15–14:30" of the slot that starts at `start`. */
export function slotSpan(start: string, minutes: number, zone?: string): string {
  const end = new Date(new Date(start).getTime() + minutes * 60_000);
  return `${clock(start, zone)}–${clock(end, zone)}`;
}

/** The calendar day ("2026-06-01") of a moment in a time zone. */
export function dateIn(at: string | Date, zone?: string): string {
  const parts = formatOf(zone, { year: "numeric", month: "2-digit", day: "2-digit" });
  const [dd, mm, yyyy] = parts.format(new Date(at)).split("/");
  return `${yyyy}-${mm}-${dd}`;
}

/** The moment a calendar day begins in a time zone; days have 23 to 25 hours. */
export function dayStart(date: string, zone?: string): Date {
  const midnight = new Date(`${date}T00:00:00Z`).getTime();
  const quarter = 15 * 60_000;
  // Zones are at most 14 hours from UTC: the first quarter-hour that belongs to the day is its start.
  for (let at = midnight - 14 * 3_600_000; at <= midnight + 12 * 3_600_000; at += quarter) {
    if (dateIn(new Date(at), zone) === date) return new Date(at);
  }
  return new Date(midnight);
}

/** "2026-06-01T14:15" in a time zone, as a field for date and time takes it. */
export function wallTime(at: string | Date, zone?: string): string {
  return `${dateIn(at, zone)}T${clock(at, zone)}`;
}

/** The moment at which clocks in a time zone show a `wallTime`, the first one where they show it twice;
 * null when they skip it, or it is none. */
export function atWallTime(text: string, zone?: string): Date | null {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return null;
  const quarter = 15 * 60_000;
  // Zones are at most 14 hours from UTC, by whole quarter-hours.
  for (let at = asUtc - 14 * 3_600_000; at <= asUtc + 12 * 3_600_000; at += quarter) {
    if (wallTime(new Date(at), zone) === text) return new Date(at);
  }
  return null;
}

/** The calendar day `days` after `date`. */
export function addDays(date: string, days: number): string {
  return new Date(new Date(`${date}T00:00:00Z`).getTime() + days * 86_400_000)
    .toISOString()
    .slice(0, 10);
}
