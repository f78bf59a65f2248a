#!/usr/bin/env node
// The compiler from npm with the words of the native one, as far as forge uses them; and
// `solc.mjs --artifact FILE NAME` prints {abi, bytecode} of one contract of one file.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.WATTEX_TOOLS}/npm/`);
const solc = require('solc');
const [word, file, name] = process.argv.slice(2);

// The settings of probe/foundry.toml, so that every tool deploys the same code.
const settings = {
  evmVersion: 'osaka',
  optimizer: { enabled: true, runs: 200 },
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};

if (word === '--version') {
  const [version] = solc.version().split('.Emscripten');
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}.Linux.g++`);
} else if (word === '--artifact') {
  const sources = { [name]: { content: readFileSync(file, 'utf8') } };
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources, settings })));
  const errors = (output.errors ?? []).filter((problem) => problem.severity === 'error');
  if (errors.length) throw new Error(errors.map((problem) => problem.formattedMessage).join('\n'));
  const { abi, evm } = output.contracts[name][name];
  console.log(JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}` }));
} else if (process.argv.includes('--standard-json')) {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
} else {
  throw new Error(`solc.mjs does not know ${process.argv.slice(2).join(' ')}`);
}
