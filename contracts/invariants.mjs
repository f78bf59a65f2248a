// Long walks of the invariants: `node forge.mjs --invariants CALLS [--seed SEED]`.
//
// Chunks with one seed after the other until all calls are made, each a process of forge for every
// suite, so that what is done counts when somebody stops it. A line for each says the seed, the
// calls and the time; the last lines say what the calls did, and so does walks/counts.txt meanwhile.
// An action that was never accepted or a result that never came is an error: then the invariants say
// less than they seem to.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/// Calls of a walk, and walks of each suite in a chunk. The first suite has the most to go wrong.
const DEPTH = 500;
const SUITES = { InvariantsTest: 500, AftermathTest: 250, PricedAftermathTest: 250 };

/// Calls in which everything that is counted happens.
const ALL_HAPPENS = 1_000_000;

/// What the walks of a suite wrote: a line for each, `name:count` for everything counted. Forge
/// makes the last walk twice.
function counted(path, walks, into) {
  const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  if (lines.length < walks) throw new Error(`${lines.length} of ${walks} walks in ${path}`);
  for (const pair of lines.slice(0, walks).flatMap((line) => line.trim().split(" "))) {
    const [name, count] = pair.split(":");
    into[name] = (into[name] ?? 0) + Number(count);
  }
}

/// A line for each suite with what its calls did, and the names of what never happened.
function told(counts) {
  const lines = Object.entries(counts).map(([suite, all]) => {
    return `${suite}: ${Object.entries(all).map((pair) => pair.join(" ")).join(", ")}`;
  });
  const never = Object.entries(counts).flatMap(([suite, all]) => {
    return Object.keys(all).filter((name) => all[name] === 0).map((name) => `${suite} ${name}`);
  });
  return { lines, never };
}

/// One suite with one seed; answers its calls, or nothing where it failed.
function walk(forge, root, folder, suite, seed, runs, counts) {
  const path = join(folder, `${suite}.txt`);
  rmSync(path, { force: true });
  const env = {
    ...process.env,
    FOUNDRY_PROFILE: "invariants",
    FOUNDRY_FUZZ_SEED: String(seed),
    FOUNDRY_INVARIANT_RUNS: String(runs),
    FOUNDRY_INVARIANT_DEPTH: String(DEPTH),
    WATTEX_WALKS: path,
  };
  const only = ["--match-contract", `^${suite}$`, "--match-test", "^invariant_"];
  const run = spawnSync(forge, ["test", "--threads", "1", ...only], {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const calls = Number(/runs: \d+, calls: (\d+)/.exec(run.stdout ?? "")?.[1] ?? 0);
  if (run.status !== 0 || calls === 0) {
    console.log(`${suite}, seed ${seed}:\n${run.stdout}${run.stderr}`);
    return undefined;
  }
  counted(path, runs, counts);
  return calls;
}

/// Answers the exit code.
export function walks(forge, root, calls, seed) {
  const folder = join(root, "../target/forge/walks");
  mkdirSync(folder, { recursive: true });
  const counts = {};
  let done = 0;
  const began = Date.now();
  while (done < calls) {
    const share = Math.min(1, (calls - done) / (DEPTH * 1000));
    for (const [suite, most] of Object.entries(SUITES)) {
      counts[suite] ??= {};
      const runs = Math.ceil(most * share);
      const made = walk(forge, root, folder, suite, seed, runs, counts[suite]);
      if (made === undefined) return 1;
      done += made;
      const seconds = ((Date.now() - began) / 1000).toFixed(0);
      console.log(`seed ${seed}, ${suite}: ${made} calls, ${done} in all, ${seconds} s`);
      writeFileSync(join(folder, "counts.txt"), `${told(counts).lines.join("\n")}\n`);
    }
    seed += 1;
  }
  const { lines, never } = told(counts);
  console.log(lines.join("\n"));
  if (never.length !== 0) console.log(`never: ${never.join(", ")}`);
  console.log(`${done} calls, no violation`);
  // In few calls not everything can happen.
  return never.length === 0 || done < ALL_HAPPENS ? 0 : 1;
}
