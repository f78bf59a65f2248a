// QR codes (ISO/IEC 18004) as a GiroCode needs them: bytes, error correction level M, versions 1 to 13. Other modes,
// levels and versions are deliberately absent.

/** Rows of modules; true is dark. The quiet zone of four light modules around them is not among them. */
export type Modules = boolean[][];

interface Version {
  /** Words of error correction in each block. */
  correction: number;
  /** Words of data in each block, the shorter blocks first. */
  blocks: number[];
  /** Where the centres of alignment patterns are, in both directions. */
  alignment: number[];
}

const version = (correction: number, alignment: number[], ...groups: [count: number, words: number][]): Version => ({
  correction,
  alignment,
  blocks: groups.flatMap(([count, words]) => Array<number>(count).fill(words)),
});

/** Versions 1 to 13 at level M. */
const VERSIONS: Version[] = [
  version(10, [], [1, 16]),
  version(16, [6, 18], [1, 28]),
  version(26, [6, 22], [1, 44]),
  version(18, [6, 26], [2, 32]),
  version(24, [6, 30], [2, 43]),
  version(16, [6, 34], [4, 27]),
  version(18, [6, 22, 38], [4, 31]),
  version(22, [6, 24, 42], [2, 38], [2, 39]),
  version(22, [6, 26, 46], [3, 36], [2, 37]),
  version(26, [6, 28, 50], [4, 43], [1, 44]),
  version(30, [6, 30, 54], [1, 50], [4, 51]),
  version(22, [6, 32, 58], [6, 36], [2, 37]),
  version(22, [6, 34, 62], [8, 37], [1, 38]),
];

/** The mode of bytes. */
const BYTES = 0b0100;
/** From this version on the length takes two bytes. */
const LONG_FROM = 10;
/** From this version on the code says its version. */
const NAMED_FROM = 7;
/** What fills the rest. */
const PADDING = [0xec, 0x11];

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
const bit = (bits: number, place: number) => ((bits >> place) & 1) === 1;

/** The code of a text, in the smallest version that holds it; null where it is longer than 331 bytes. */
export function qrCode(text: string): Modules | null {
  const bytes = new TextEncoder().encode(text);
  const place = VERSIONS.findIndex(({ blocks }, at) => bytes.length + headBytes(at + 1) <= sum(blocks));
  const found = VERSIONS[place];
  if (!found) return null;
  const drawing = frame(place + 1, found.alignment);
  fill(drawing, interleaved(words(bytes, place + 1, sum(found.blocks)), found));
  const masked = MASKS.map((_, mask) => withMask(drawing, mask));
  return masked.reduce((best, one) => (penalty(one) < penalty(best) ? one : best));
}

/** Bytes that the mode and the length take, half a byte of the end included. */
function headBytes(number: number): number {
  return number < LONG_FROM ? 2 : 3;
}

/** Mode, length, bytes, and what fills the rest: `capacity` words. */
function words(bytes: Uint8Array, number: number, capacity: number): number[] {
  const length = bytes.length;
  const head = number < LONG_FROM ? [length] : [length >> 8, length & 255];
  // The mode is half a byte: everything after it lies across two words.
  const whole = [...head, ...bytes];
  const found = whole.map((byte, at) => (((at ? whole[at - 1]! : BYTES) & 15) << 4) | (byte >> 4));
  found.push((whole.at(-1)! & 15) << 4);
  for (let at = 0; found.length < capacity; at += 1) found.push(PADDING[at % 2]!);
  return found;
}

/** Powers of two in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1, and their exponents. */
const POWERS: number[] = [];
const EXPONENTS: number[] = [];
for (let exponent = 0, power = 1; exponent < 255; exponent += 1) {
  POWERS.push(power);
  EXPONENTS[power] = exponent;
  power = power < 128 ? power << 1 : (power << 1) ^ 0x11d;
}

function times(one: number, other: number): number {
  return one && other ? POWERS[(EXPONENTS[one]! + EXPONENTS[other]!) % 255]! : 0;
}

/** The coefficients of (x - 1)(x - 2)(x - 4)... of a degree, the highest left out. */
function generator(degree: number): number[] {
  let found = [1];
  for (let root = 0; root < degree; root += 1) {
    const shifted = [...found, 0];
    found = shifted.map((one, at) => one ^ times(at ? found[at - 1]! : 0, POWERS[root]!));
  }
  return found.slice(1);
}

/** The words that correct errors (Reed and Solomon): the rest of a division by the generator. */
function correctionOf(data: number[], divisor: number[]): number[] {
  let rest = divisor.map(() => 0);
  for (const word of data) {
    const factor = word ^ rest[0]!;
    rest = [...rest.slice(1), 0].map((one, at) => one ^ times(divisor[at]!, factor));
  }
  return rest;
}

/** The data in blocks, then their correction: the first word of each block, then the second of each. */
function interleaved(data: number[], { blocks, correction }: Version): number[] {
  const divisor = generator(correction);
  let taken = 0;
  const parts = blocks.map((length) => data.slice(taken, (taken += length)));
  return [...byTurns(parts), ...byTurns(parts.map((part) => correctionOf(part, divisor)))];
}

function byTurns(lists: number[][]): number[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

interface Drawing {
  dark: Modules;
  /** What is no data, and is not masked. */
  fixed: Modules;
}

function draw({ dark, fixed }: Drawing, x: number, y: number, on: boolean) {
  const row = dark[y];
  if (row?.[x] === undefined) return;
  row[x] = on;
  fixed[y]![x] = true;
}

/** Squares around a centre, one in the other; `light` are the rings that are. */
function rings(drawing: Drawing, centre: [x: number, y: number], radius: number, light: number[]) {
  for (let dy = -radius; dy <= radius; dy += 1) {
    for (let dx = -radius; dx <= radius; dx += 1) {
      const ring = Math.max(Math.abs(dx), Math.abs(dy));
      draw(drawing, centre[0] + dx, centre[1] + dy, !light.includes(ring));
    }
  }
}

/** Everything that is the same in all codes of a version; the place of the format is kept free. */
function frame(number: number, alignment: number[]): Drawing {
  const size = 17 + 4 * number;
  const grid = () => Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  const drawing = { dark: grid(), fixed: grid() };
  for (let at = 0; at < size; at += 1) {
    draw(drawing, at, 6, at % 2 === 0);
    draw(drawing, 6, at, at % 2 === 0);
  }
  const last = alignment.at(-1);
  for (const x of alignment) {
    for (const y of alignment) {
      const corner = (x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6);
      if (!corner) rings(drawing, [x, y], 2, [1]);
    }
  }
  for (const centre of [[3, 3], [size - 4, 3], [3, size - 4]] as [number, number][]) rings(drawing, centre, 4, [2, 4]);
  drawFormat(drawing, 0);
  if (number >= NAMED_FROM) {
    const bits = checked(number, 12, 0x1f25);
    for (let at = 0; at < 18; at += 1) {
      const [along, across] = [Math.floor(at / 3), size - 11 + (at % 3)];
      draw(drawing, across, along, bit(bits, at));
      draw(drawing, along, across, bit(bits, at));
    }
  }
  return drawing;
}

/** Bits with `count` more that check them (BCH). */
function checked(bits: number, count: number, divisor: number): number {
  let rest = bits << count;
  for (let at = 31 - Math.clz32(rest); at >= count; at -= 1) {
    if (bit(rest, at)) rest ^= divisor << (at - count);
  }
  return (bits << count) | rest;
}

/** Says level M (two zero bits) and the mask, twice. */
function drawFormat(drawing: Drawing, mask: number) {
  const size = drawing.dark.length;
  const bits = checked(mask, 10, 0x537) ^ 0x5412;
  for (let at = 0; at < 15; at += 1) {
    const on = bit(bits, at);
    // Beside the corner at the top, with a step over the timing pattern, and split over both other corners.
    if (at < 8) draw(drawing, 8, at < 6 ? at : at + 1, on);
    else draw(drawing, at === 8 ? 7 : 14 - at, 8, on);
    if (at < 8) draw(drawing, size - 1 - at, 8, on);
    else draw(drawing, 8, size - 15 + at, on);
  }
  draw(drawing, 8, size - 8, true);
}

/** Writes the words from the bottom right, up and down in columns of two. */
function fill({ dark, fixed }: Drawing, data: number[]) {
  const size = dark.length;
  let at = 0;
  let up = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y]![x]) continue;
        dark[y]![x] = bit(data[at >> 3] ?? 0, 7 - (at & 7));
        at += 1;
      }
    }
    up = !up;
  }
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function withMask({ dark, fixed }: Drawing, mask: number): Modules {
  const turned = dark.map((row, y) => row.map((on, x) => (!fixed[y]![x] && MASKS[mask]!(x, y)) !== on));
  drawFormat({ dark: turned, fixed: fixed.map((row) => [...row]) }, mask);
  return turned;
}

/** How hard a code is to read: long runs, blocks, what looks like a corner, and too much of one kind. */
function penalty(modules: Modules): number {
  const columns = modules.map((_, x) => modules.map((row) => row[x]!));
  const lines = [...modules, ...columns].map((line) => line.map(Number).join(""));
  const runs = lines.flatMap((line) => line.match(/1{5,}|0{5,}/g) ?? []).map((run) => run.length - 2);
  const corners = lines.flatMap((line) => [...line.matchAll(/(?=00001011101|10111010000)/g)]).length;
  let blocks = 0;
  modules.forEach((row, y) => {
    const below = modules[y + 1];
    row.forEach((on, x) => {
      if (below && x + 1 < row.length && [row[x + 1], below[x], below[x + 1]].every((other) => other === on)) blocks += 1;
    });
  });
  const share = sum(modules.flat().map(Number)) / modules.length ** 2;
  return sum(runs) + 3 * blocks + 40 * corners + 10 * Math.floor(Math.abs(share - 0.5) * 20);
}

/** The outline of the dark modules for an SVG, one unit each, from the first module on. */
export function qrPath(modules: Modules): string {
  return modules
    .flatMap((row, y) =>
      [...row.map(Number).join("").matchAll(/1+/g)].map(
        ({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`,
      ),
    )
    .join("");
}
