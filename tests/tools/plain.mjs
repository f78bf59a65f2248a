// What the scripts of this folder share: their arguments, and results as plain JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What is installed for tests; the folder of this file has no modules of its own. */
export const require = createRequire(`${process.env.WATTEX_TOOLS}/npm/`);

/** `node SCRIPT.mjs URL KEY ARTIFACT.json [WS_URL]` */
export const [url, key, file, socket] = process.argv.slice(2);
export const artifact = JSON.parse(readFileSync(file, 'utf8'));

/** Numbers as decimal text, bytes as hex, nothing else than data. */
export function plain(value) {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const known = Object.entries(value).filter(([, one]) => one !== undefined && typeof one !== 'function');
  return Object.fromEntries(known.map(([name, one]) => [name, plain(one)]));
}

/** Some fields of an object. */
export function fields(value, names) {
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

/** What goes wrong, by `tell`; going right is an error. */
export async function failure(attempt, tell) {
  try {
    await attempt();
  } catch (error) {
    return tell(error);
  }
  throw new Error(`${attempt} should have failed`);
}

/**
 * What geth's tracers and Parity's say of a transaction; `ask(method, parameters)` asks the node. Without `steps`
 * each instruction is left out: a loop has thousands.
 */
export async function traces(ask, hash, steps = true) {
  const debug = (options) => ask('debug_traceTransaction', [hash, options]);
  const answers = {
    calls: await debug({ tracer: 'callTracer', tracerConfig: { withLog: true } }),
    prestate: await debug({ tracer: 'prestateTracer' }),
    changed: await debug({ tracer: 'prestateTracer', tracerConfig: { diffMode: true } }),
    parity: await ask('trace_transaction', [hash]),
  };
  if (steps) answers.steps = await debug({ enableMemory: true, enableReturnData: true });
  return answers;
}

/** Prints the result and ends, whatever a library still waits for. */
export function done(result) {
  process.stdout.write(`${JSON.stringify(plain(result))}\n`, () => process.exit(0));
}
