// What Hardhat sees of a node whose accounts it uses, which is what it does unless it is told otherwise: usage and
// result are those of plain.mjs.
import assert from 'node:assert/strict';
import { artifact, done, failure, fields, require, url } from './plain.mjs';

const { createHardhatRuntimeEnvironment } = await import(require.resolve('hardhat/hre'));
const { ethers } = require('ethers');
const networks = { probed: { type: 'http', url } };
const hardhat = await createHardhatRuntimeEnvironment({ networks }, {}, `${process.env.WATTEX_TOOLS}/npm`);
const { provider } = await hardhat.network.connect('probed');
const browser = new ethers.BrowserProvider(provider);
browser.pollingInterval = 20;
const HEIR = '0x00000000000000000000000000000000000000aa';

const result = { accounts: await provider.request({ method: 'eth_accounts' }) };
assert.equal(result.accounts.length, 10);
const signer = await browser.getSigner(1);
// Neither gas nor fees: Hardhat leaves them to the node.
const probe = await new ethers.ContractFactory(artifact.abi, artifact.bytecode, signer).deploy(7n, 'hardhat');
await probe.waitForDeployment();
result.address = await probe.getAddress();
const mined = await (await probe.store(1n, 2n, '0x1234', { value: 3n })).wait();
result.store = {
  ...fields(mined, ['from', 'to', 'gasUsed', 'status', 'type']),
  events: mined.logs.map((log) => [probe.interface.parseLog(log).name, probe.interface.parseLog(log).args.toArray()]),
};
assert.equal(mined.status, 1);
result.read = { name: await probe.name(), value: await probe.values(1n), last: await probe.last() };
result.logs = (await probe.queryFilter(probe.filters.Stored(), mined.blockNumber)).map((log) => log.args.toArray());
assert.equal(result.logs.length, 1);
result.paid = fields(await (await signer.sendTransaction({ to: HEIR, value: 12n })).wait(), ['gasUsed', 'status']);

const refusal = (error) => ({ code: error.code, reason: error.reason, data: error.data, revert: error.revert?.name });
const refused = (attempt) => failure(attempt, refusal);
result.refused = {
  custom: await refused(() => probe.refuse.staticCall(9n)), text: await refused(() => probe.refuseWithText.staticCall()),
  panic: await refused(() => probe.divide(1n, 0n)), sent: await refused(() => probe.refuse.send(4n)),
};
const types = { Mail: [{ name: 'contents', type: 'string' }] };
const domain = { name: 'Probe', chainId: (await browser.getNetwork()).chainId };
result.signed = {
  message: await signer.signMessage('in so many words'), typed: await signer.signTypedData(domain, types, { contents: 'hi' }),
};
assert.equal(ethers.verifyMessage('in so many words', result.signed.message), signer.address);
done(result);
