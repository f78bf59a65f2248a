// What ethers sees of a node: usage and result are those of plain.mjs.
import assert from 'node:assert/strict';
import { artifact, done, failure, fields, key, require, socket, traces, url } from './plain.mjs';

const { ethers } = require('ethers');
const options = { pollingInterval: 20, cacheTimeout: -1, staticNetwork: true };
const provider = new ethers.JsonRpcProvider(url, undefined, options);
const wallet = new ethers.Wallet(key, provider);
const poor = new ethers.Wallet(ethers.id('nobody has this key'), provider);
const HEIR = '0x00000000000000000000000000000000000000aa';
// The gas too: each node rounds its estimates in its own way.
const FEES = { maxFeePerGas: 1_000n, maxPriorityFeePerGas: 3n, gasLimit: 1_000_000n };

const transaction = ({ signature, ...rest }) => ({
  ...fields(rest, ['hash', 'type', 'to', 'from', 'nonce', 'gasLimit', 'gasPrice', 'maxPriorityFeePerGas',
    'maxFeePerGas', 'data', 'value', 'chainId', 'accessList', 'blockNumber', 'index']),
  signature: signature.serialized,
});
const receipt = ({ logs, ...rest }) => ({
  ...fields(rest, ['to', 'from', 'contractAddress', 'hash', 'index', 'blockNumber', 'logsBloom', 'gasUsed',
    'cumulativeGasUsed', 'gasPrice', 'type', 'status']),
  logs: logs.map((log) => fields(log, ['transactionHash', 'blockNumber', 'removed', 'address', 'data', 'topics',
    'index', 'transactionIndex'])),
});
const refusal = (error) => ({
  code: error.code, reason: error.reason, data: error.data, revert: error.revert && {
    name: error.revert.name, args: [...error.revert.args],
  },
  message: error.info?.error?.message ?? error.error?.message ?? error.shortMessage,
});
const refused = (attempt) => failure(attempt, refusal);

const result = {};
const network = await provider.getNetwork();
result.chainId = network.chainId;

const factory = new ethers.ContractFactory(artifact.abi, artifact.bytecode, wallet);
const probe = await factory.deploy(7n, 'ethers', { ...FEES, value: 5n });
await probe.waitForDeployment();
const address = await probe.getAddress();
result.address = address;
result.deployed = receipt(await provider.getTransactionReceipt(probe.deploymentTransaction().hash));
assert.equal(result.deployed.status, 1);
result.code = await provider.getCode(address);

const sent = {
  store: () => probe.store(1n, 2n, '0x1234', { ...FEES, value: 3n }),
  storeMany: () => probe.storeMany(10n, 5n, '0x', FEES),
  legacy: () => probe.store(2n, 4n, '0x', { type: 0, gasPrice: 900n, gasLimit: 1_000_000n }),
  accessList: () => probe.store(3n, 9n, '0x', {
    type: 1, gasPrice: 900n, gasLimit: 1_000_000n, accessList: [{ address, storageKeys: [ethers.ZeroHash] }],
  }),
  clear: () => probe.clear(1n, FEES),
  create: () => probe.create(ethers.id('salt'), { ...FEES, value: 1n }),
  destroyed: () => probe.destroyed(HEIR, FEES),
  plain: () => wallet.sendTransaction({ to: HEIR, value: 12n, ...FEES }),
  toContract: () => wallet.sendTransaction({ to: address, value: 13n, ...FEES }),
};
result.sent = {};
for (const [name, send] of Object.entries(sent)) {
  const response = await send();
  const mined = await response.wait();
  const seen = await provider.getTransaction(response.hash);
  result.sent[name] = { transaction: transaction(seen), receipt: receipt(mined) };
  assert.equal(mined.status, 1, name);
}
const gas = { ...FEES, gasLimit: 200_000n };
for (const [name, send] of Object.entries({
  refuse: () => probe.refuse.send(4n, gas),
  storeAndRefuse: () => probe.storeAndRefuse(4n, '0x', gas),
  neverEnds: () => probe.neverEnds(gas),
})) {
  const response = await send();
  result.sent[name] = await failure(() => response.wait(), (error) => receipt(error.receipt));
  assert.equal(result.sent[name].status, 0, name);
}

result.read = {
  values: [await probe.values(1n), await probe.values(11n)], count: await probe.count(), name: await probe.name(),
  sum: (await probe.sum(0n, 20n)).toArray(), hashed: (await probe.hashed('0x010203')).toArray(),
  last: await probe.last(),
  early: await probe.values(1n, { blockTag: result.sent.store.receipt.blockNumber }),
};
result.state = {
  balances: [await provider.getBalance(address), await provider.getBalance(HEIR), await provider.getBalance(wallet)],
  nonces: [await provider.getTransactionCount(wallet), await provider.getTransactionCount(wallet, 'pending'),
    await provider.getTransactionCount(address)],
  storage: [await provider.getStorage(address, 0), await provider.getStorage(address, 99)],
};
result.estimates = {
  store: await probe.store.estimateGas(77n, 1n, '0x'), plain: await wallet.estimateGas({ to: HEIR, value: 1n }),
  deploy: await wallet.estimateGas(await factory.getDeployTransaction(7n, 'ethers')),
};
result.refused = {
  custom: await refused(() => probe.refuse.staticCall(9n)),
  text: await refused(() => probe.refuseWithText.staticCall()),
  silent: await refused(() => probe.refuseSilently.staticCall()),
  panic: await refused(() => probe.divide(1n, 0n)),
  estimate: await refused(() => probe.refuse.estimateGas(9n)),
  unfunded: await refused(() => poor.sendTransaction({ to: HEIR, value: 1n, ...FEES, gasLimit: 21_000n, nonce: 0 })),
  nonceLow: await refused(() => wallet.sendTransaction({ to: HEIR, ...FEES, gasLimit: 21_000n, nonce: 0 })),
  gasLow: await refused(() => wallet.sendTransaction({ to: HEIR, ...FEES, gasLimit: 20_000n })),
  feeLow: await refused(() => wallet.sendTransaction({ to: HEIR, gasLimit: 21_000n, maxFeePerGas: 1n, maxPriorityFeePerGas: 2n })),
};

const [from, to] = [result.deployed.blockNumber, await provider.getBlockNumber()];
const stored = await probe.queryFilter(probe.filters.Stored(), from, to);
result.logs = {
  all: stored.map((log) => [log.blockNumber, log.index, log.args.toArray()]),
  byKey: (await probe.queryFilter(probe.filters.Stored(null, [10n, 12n]), from, to)).map((log) => log.args.toArray()),
  none: await provider.getLogs({ address: HEIR, fromBlock: from, toBlock: to }),
};
assert.equal(result.logs.byKey.length, 2);
const block = await provider.getBlock(result.sent.storeMany.receipt.blockNumber, true);
result.block = {
  ...fields(block, ['number', 'gasLimit', 'gasUsed', 'baseFeePerGas', 'nonce', 'difficulty', 'miner', 'receiptsRoot']),
  transactions: block.prefetchedTransactions.map(transaction),
};
result.tags = {
  latest: (await provider.getBlock('latest')).number, earliest: (await provider.getBlock('earliest')).number,
  pending: (await provider.getBlock('pending')).number, missing: await provider.getBlock(1_000_000),
  finalized: (await provider.getBlock('finalized')).number <= to, safe: (await provider.getBlock('safe')).number <= to,
};
const { storageHash, codeHash, nonce, balance, storageProof } =
  await provider.send('eth_getProof', [address, [ethers.ZeroHash, ethers.toBeHex(99, 32)], 'latest']);
result.proof = { storageHash, codeHash, nonce, balance, storageProof };
const ask = (method, parameters) => provider.send(method, parameters);
// The tip is the node's to suggest; what follows from it is compared without it.
const { gasPrice, maxFeePerGas, maxPriorityFeePerGas: tip } = await provider.getFeeData();
result.fees = {
  tip, price: gasPrice - tip, cap: maxFeePerGas - tip,
  history: await ask('eth_feeHistory', ['0x4', ethers.toQuantity(to), [0, 10, 50.5, 100]]),
};
result.traces = {};
for (const name of ['store', 'storeMany', 'create', 'destroyed', 'toContract', 'refuse', 'neverEnds']) {
  const { receipt: mined, hash = mined.hash } = result.sent[name];
  result.traces[name] = await traces(ask, hash, name !== 'neverEnds');
}
result.traces.deployed = await traces(ask, result.deployed.hash);

// Over HTTP, `on` installs a filter and asks for its changes at each block.
const events = { address, topics: [probe.interface.getEvent('Stored').topicHash] };
const [logFilter, blockFilter] = [await ask('eth_newFilter', [events]), await ask('eth_newBlockFilter', [])];
const seen = [];
const poller = new ethers.JsonRpcProvider(url, undefined, options);
// It stands when it has asked for changes and then for the block that it counts from.
const stands = new Promise((resolve) => {
  const awaited = ['eth_getFilterChanges', 'eth_blockNumber'];
  poller.on('debug', ({ action, payload }) => {
    if (action === 'receiveRpcResult' && !awaited.length) resolve();
    for (const { method } of [payload ?? []].flat()) if (method === awaited[0]) awaited.shift();
  });
});
const polled = new Promise((resolve) => {
  poller.on(events, (log) => seen.push(fields(log, ['address', 'topics', 'data', 'index', 'removed'])) === 2 && resolve());
});
await stands;
await (await probe.storeMany(40n, 2n, '0x66', FEES)).wait();
await polled;
await poller.off(events);
const changes = () => ask('eth_getFilterChanges', [logFilter]);
const kept = ['address', 'topics', 'data', 'logIndex', 'blockNumber', 'transactionHash', 'transactionIndex', 'removed'];
result.filters = {
  polled: seen, changes: (await changes()).map((log) => fields(log, kept)), again: await changes(),
  all: (await ask('eth_getFilterLogs', [logFilter])).length, blocks: (await ask('eth_getFilterChanges', [blockFilter])).length,
  uninstalled: [await ask('eth_uninstallFilter', [logFilter]), await ask('eth_uninstallFilter', [logFilter])],
  gone: await refused(changes),
};
assert.equal(result.filters.changes.length, 2);

if (socket) {
  // Told which network it is: it fails if an event comes before it has found out.
  const network = await provider.getNetwork();
  const live = new ethers.WebSocketProvider(socket, network, { staticNetwork: network });
  const seen = [];
  const arrived = new Promise((resolve) => {
    live.on({ address, topics: [probe.interface.getEvent('Stored').topicHash] }, (log) => {
      seen.push(fields(log, ['address', 'topics', 'data', 'index', 'removed']));
      if (seen.length === 2) resolve();
    });
  });
  // Answered in order: the subscription stands when the number has come.
  await live.getBlockNumber();
  await (await probe.storeMany(30n, 2n, '0x55', FEES)).wait();
  await arrived;
  result.subscription = seen;
  await live.destroy();
}
done(result);
