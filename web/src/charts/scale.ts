// Where values lie on a chart. Floats here are pixels, nothing else.

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const span = high - low || 1;
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? raw;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A tick in words: as many decimals as the step needs. */
export function tickText(value: number): string {
  return String(Number(value.toPrecision(6))).replace("-", "\u2212");
}

/** The smallest range of round ends around values; always with some height. */
export function niceRange(values: number[], withZero: boolean, count: number): [number, number] {
  let low = Math.min(...values, ...(withZero ? [0] : []));
  let high = Math.max(...values, ...(withZero ? [0] : []));
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (low === high) {
    const pad = Math.abs(high) * 0.1 || 1;
    if (!(withZero && low === 0)) low -= pad;
    high += pad;
  }
  const marks = ticks(low, high, count);
  const step = (marks[1] ?? 1) - (marks[0] ?? 0) || 1;
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}
