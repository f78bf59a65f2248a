// Runs the tests in Solidity: `npm run forge`, with any arguments of `forge test` behind `--`.
// `--invariants CALLS [--seed SEED]` makes long walks of the invariants instead (invariants.mjs).
// It starts forge itself and not npm's wrapper, which ends with 0 whatever forge says.
import { existsSync, readdirSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { walks } from "./invariants.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const scope = join(root, "../.tools/npm/node_modules/@foundry-rs");

/// The program of this machine; `FORGE` names another.
function forge() {
  if (process.env.FORGE) return process.env.FORGE;
  const packages = existsSync(scope) ? readdirSync(scope) : [];
  const found = packages.map((name) => join(scope, name, "bin/forge")).find(existsSync);
  if (!found) throw new Error(`no forge in ${scope}: run ./justw tools`);
  return found;
}

/// A whole number that is not negative.
function whole(option, text) {
  if (!/^\d{1,15}$/.test(text)) throw new Error(`${option} is a number, not ${text}`);
  return Number(text);
}

if (process.argv.includes("--invariants")) {
  const options = { invariants: { type: "string" }, seed: { type: "string", default: "1" } };
  const { values } = parseArgs({ options });
  const calls = whole("--invariants", values.invariants);
  process.exitCode = walks(forge(), root, calls, whole("--seed", values.seed));
} else {
  const run = spawnSync(forge(), ["test", ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
  });
  if (run.error) throw run.error;
  process.exitCode = run.status ?? 1;
}
