// Compiles contracts/src with the pinned solc and writes contracts/out/<Name>.json:
// {abi, bytecode, deployedBytecode, storageLayout}. The output is checked in, so that nothing
// else needs Node. `--check` fails when the checked-in output differs from the sources. Of the
// contracts that tests of programs deploy it writes out/test/<Name>.json: {abi, bytecode}.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const root = dirname(fileURLToPath(import.meta.url));
const CONTRACTS = [
  "Challenges",
  "CurrencyExchange",
  "EnergyCertificate",
  "EnergyMarket",
  "MeterRegistry",
  "ReadingAnchor",
  "RecordAnchor",
  "SettlementToken",
  "Timelock",
  "TradingMandate",
];
const CODE_BYTES_MAX = 24_576;
// By the file in test/support that has it.
const TEST_CONTRACTS = { "Wallets.sol": ["Wallet"] };

const sources = Object.fromEntries(
  readdirSync(join(root, "src"))
    .sort()
    .map((file) => [file, { content: readFileSync(join(root, "src", file), "utf8") }]),
);
// Through the IR, because an event with fourteen fields does not fit the stack otherwise.
const settings = {
  evmVersion: "osaka",
  optimizer: { enabled: true, runs: 1000 },
  viaIR: true,
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: {
    "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout"] },
  },
};
const read = (path) => ({ contents: readFileSync(join(root, "node_modules", path), "utf8") });

function compiled(sources) {
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const output = JSON.parse(solc.compile(input, { import: read }));
  for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
  if (output.errors?.length) process.exit(1);
  return output.contracts;
}

// The compiler numbers syntax nodes anew with every change of a source: the numbers say nothing.
function withoutNodeNumbers(value) {
  if (Array.isArray(value)) return value.map(withoutNodeNumbers);
  if (typeof value === "string") return value.replace(/\)\d+_storage/g, ")_storage");
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([key]) => key !== "astId");
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([key, inner]) => [withoutNodeNumbers(key), withoutNodeNumbers(inner)]),
  );
}

mkdirSync(join(root, "out/test"), { recursive: true });
let stale = false;

function write(name, size, artifact) {
  const path = join(root, "out", `${name}.json`);
  const text = `${JSON.stringify(artifact, null, 1)}\n`;
  const fresh = existsSync(path) && readFileSync(path, "utf8") === text;
  console.log(`${name}: ${size} bytes${fresh ? "" : ", changed"}`);
  stale ||= !fresh;
  if (!process.argv.includes("--check")) writeFileSync(path, text);
}

function sorted(abi) {
  const kinds = abi.map((item) => [`${item.type} ${item.name ?? ""}`, item]);
  kinds.sort(([a], [b]) => (a < b ? -1 : 1));
  return kinds.map(([, item]) => item);
}

const contracts = compiled(sources);
for (const name of CONTRACTS) {
  const { abi, evm, storageLayout } = contracts[`${name}.sol`][name];
  const size = evm.deployedBytecode.object.length / 2;
  if (size > CODE_BYTES_MAX) throw new Error(`${name} has ${size} bytes of code`);
  const artifact = withoutNodeNumbers({
    abi: sorted(abi),
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    storageLayout,
  });
  write(name, size, artifact);
}
for (const [file, names] of Object.entries(TEST_CONTRACTS)) {
  const content = readFileSync(join(root, "test/support", file), "utf8");
  const ofTests = compiled({ [file]: { content } });
  for (const name of names) {
    const { abi, evm } = ofTests[file][name];
    const artifact = { abi: sorted(abi), bytecode: `0x${evm.bytecode.object}` };
    write(`test/${name}`, evm.deployedBytecode.object.length / 2, withoutNodeNumbers(artifact));
  }
}
if (stale && process.argv.includes("--check")) process.exit(1);
