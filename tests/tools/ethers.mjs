// Deploys a contract with ethers, sends to it, reads it, its logs, receipt and proof.
// usage: node ethers.mjs RPC_URL PRIVATE_KEY CONTRACT.json
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.WATTEX_TOOLS}/npm/`);
const { ethers } = require('ethers');
const [url, key, file] = process.argv.slice(2);
const provider = new ethers.JsonRpcProvider(url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new ethers.Wallet(key, provider);
const artifact = JSON.parse(readFileSync(file, 'utf8'));

const factory = new ethers.ContractFactory(artifact.abi, artifact.bytecode, wallet);
const contract = await factory.deploy(wallet.address);
await contract.waitForDeployment();
await (await contract.grantRole(ethers.id('ANCHOR'), wallet.address)).wait();

const [name, validFrom, hash] = [ethers.id('name'), 20_000, ethers.id('content')];
const receipt = await (await contract.anchorTariff(name, validFrom, hash)).wait();
assert.equal(receipt.status, 1);
const logs = await contract.queryFilter('TariffAnchored', receipt.blockNumber, receipt.blockNumber);
assert.equal(logs.length, 1);
assert.equal(logs[0].transactionHash, receipt.hash);
assert.ok(logs[0].args.toArray().includes(hash));

await assert.rejects(
    contract.connect(ethers.Wallet.createRandom().connect(provider)).anchorTariff.staticCall(name, validFrom, hash),
    (error) => error.code === 'CALL_EXCEPTION' && error.revert?.name === 'AccessControlUnauthorizedAccount',
);

const block = await provider.getBlock(receipt.blockNumber, true);
assert.ok(block.prefetchedTransactions.some((transaction) => transaction.hash === receipt.hash));
const proof = await provider.send('eth_getProof', [await contract.getAddress(), [], 'latest']);
assert.ok(proof.accountProof.length > 0);
const fees = await provider.getFeeData();
assert.ok(fees.maxFeePerGas > 0n);

await (await wallet.sendTransaction({ to: ethers.ZeroAddress, value: 1n })).wait();
assert.equal(await provider.getBalance(ethers.ZeroAddress) > 0n, true);
console.log(JSON.stringify({ contract: await contract.getAddress(), block: receipt.blockNumber }));
provider.destroy();
