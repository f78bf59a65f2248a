// What viem sees of a node: usage and result are those of plain.mjs.
import assert from 'node:assert/strict';
import { artifact, done, failure, fields, key, require, socket, traces, url } from './plain.mjs';

const viem = require('viem');
const { privateKeyToAccount } = require('viem/accounts');
const chainId = await viem.createPublicClient({ transport: viem.http(url) }).getChainId();
const chain = viem.defineChain({
  id: chainId, name: 'probed', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [url] } }, contracts: { multicall3: { address: viem.zeroAddress } },
});
const transport = viem.http(url, { retryCount: 0 });
const client = viem.createPublicClient({ chain, transport, pollingInterval: 20, cacheTime: 0 });
const account = privateKeyToAccount(key);
const wallet = viem.createWalletClient({ account, chain, transport });
const HEIR = '0x00000000000000000000000000000000000000aa';
// The gas too: each node rounds its estimates in its own way.
const FEES = { maxFeePerGas: 1_000n, maxPriorityFeePerGas: 3n, gas: 1_000_000n };
const { abi, bytecode } = artifact;

const receipt = ({ logs, ...rest }) => ({
  ...fields(rest, ['blockNumber', 'contractAddress', 'cumulativeGasUsed', 'effectiveGasPrice', 'from', 'gasUsed',
    'logsBloom', 'status', 'to', 'transactionHash', 'transactionIndex', 'type']),
  logs: logs.map((log) => fields(log, ['address', 'topics', 'data', 'logIndex', 'transactionIndex', 'removed'])),
});
const transaction = (one) => fields(one, ['accessList', 'blockNumber', 'chainId', 'from', 'gas', 'gasPrice', 'hash', 'input',
  'maxFeePerGas', 'maxPriorityFeePerGas', 'nonce', 'r', 's', 'to', 'transactionIndex', 'type', 'v', 'value', 'yParity']);
const refusal = (error) => {
  const names = [];
  for (let at = error; at; at = at.cause) names.push(at.name);
  const reverted = error.walk?.((one) => one.name === 'ContractFunctionRevertedError');
  const rpc = error.walk?.((one) => typeof one.code === 'number' && !one.cause);
  return { names, reason: reverted?.reason, revert: reverted?.data && fields(reverted.data, ['errorName', 'args']),
    code: rpc?.code, message: rpc?.details ?? rpc?.message };
};
const refused = (attempt) => failure(attempt, refusal);
const read = (functionName, args = [], more = {}) => client.readContract({ address, abi, functionName, args, ...more });
const write = (functionName, args, more = FEES) =>
  () => wallet.writeContract({ address, abi, functionName, args, ...more });

const result = { chainId };
const deploying = await wallet.deployContract({ abi, bytecode, args: [7n, 'viem'], value: 5n, ...FEES });
const deployed = await client.waitForTransactionReceipt({ hash: deploying });
const address = viem.getAddress(deployed.contractAddress);
assert.equal(deployed.status, 'success');
Object.assign(result, { address, deployed: receipt(deployed), code: await client.getCode({ address }) });

const logFilter = await client.createContractEventFilter({ abi, address, eventName: 'Stored' });
const blockFilter = await client.createBlockFilter();
const gas = { ...FEES, gas: 200_000n };
result.sent = {};
for (const [name, [send, status]] of Object.entries({
  store: [write('store', [1n, 2n, '0x1234'], { ...FEES, value: 3n }), 'success'],
  storeMany: [write('storeMany', [10n, 5n, '0x']), 'success'],
  legacy: [write('store', [2n, 4n, '0x'], { type: 'legacy', gasPrice: 900n, gas: 1_000_000n }), 'success'],
  accessList: [write('store', [3n, 9n, '0x'], {
    type: 'eip2930', gasPrice: 900n, gas: 1_000_000n, accessList: [{ address, storageKeys: [viem.zeroHash] }],
  }), 'success'],
  create: [write('create', [viem.keccak256('0x01')]), 'success'],
  destroyed: [write('destroyed', [HEIR]), 'success'],
  plain: [() => wallet.sendTransaction({ to: HEIR, value: 12n, ...FEES }), 'success'],
  refuse: [write('refuse', [4n], gas), 'reverted'],
  neverEnds: [write('neverEnds', [], gas), 'reverted'],
})) {
  const hash = await send();
  const mined = await client.waitForTransactionReceipt({ hash });
  result.sent[name] = { receipt: receipt(mined), transaction: transaction(await client.getTransaction({ hash })) };
  assert.equal(mined.status, status, name);
}

result.read = {
  count: await read('count'), name: await read('name'), sum: await read('sum', [0n, 20n]), last: await read('last'),
  hashed: await read('hashed', ['0x010203']),
  early: await read('values', [1n], { blockNumber: result.sent.store.receipt.blockNumber }),
  place: (await read('place', [], { account, gasPrice: 900n })).slice(2),
};
result.state = {
  balance: await client.getBalance({ address }), nonce: await client.getTransactionCount({ address: account.address }),
  storage: await client.getStorageAt({ address, slot: '0x0' }),
  absent: await client.getStorageAt({ address, slot: viem.toHex(99, { size: 32 }) }),
};
result.estimates = {
  store: await client.estimateContractGas({ account, address, abi, functionName: 'store', args: [77n, 1n, '0x'] }),
  plain: await client.estimateGas({ account, to: HEIR, value: 1n }),
};
const simulate = (functionName, args = []) => () => client.simulateContract({ account, address, abi, functionName, args });
const sendTo = (more) => () => wallet.sendTransaction({ to: HEIR, ...FEES, gas: 21_000n, ...more });
result.refused = {
  custom: await refused(simulate('refuse', [9n])), text: await refused(simulate('refuseWithText')),
  silent: await refused(simulate('refuseSilently')), panic: await refused(simulate('divide', [1n, 0n])),
  estimate: await refused(() => client.estimateContractGas({ account, address, abi, functionName: 'refuse', args: [1n] })),
  nonceLow: await refused(sendTo({ nonce: 0 })), gasLow: await refused(sendTo({ gas: 20_000n })),
  missing: await refused(() => client.getTransaction({ hash: viem.zeroHash })),
  missingBlock: await refused(() => client.getBlock({ blockNumber: 1_000_000n })),
};
const fromBlock = deployed.blockNumber;
result.logs = {
  all: (await client.getContractEvents({ abi, address, eventName: 'Stored', fromBlock }))
    .map((log) => [log.blockNumber, log.logIndex, log.args]),
  byKey: (await client.getContractEvents({ abi, address, eventName: 'Stored', args: { key: [10n, 12n] }, fromBlock }))
    .map((log) => log.args),
  filtered: (await client.getFilterChanges({ filter: logFilter })).map((log) => [log.blockNumber, log.args]),
  filteredAll: (await client.getFilterLogs({ filter: logFilter })).length,
  blocks: (await client.getFilterChanges({ filter: blockFilter })).length,
  again: await client.getFilterChanges({ filter: logFilter }),
  uninstalled: [await client.uninstallFilter({ filter: logFilter }), await client.uninstallFilter({ filter: logFilter })],
  gone: await refused(() => client.getFilterChanges({ filter: logFilter })),
};
assert.equal(result.logs.byKey.length, 2);
const block = await client.getBlock({ blockNumber: result.sent.storeMany.receipt.blockNumber, includeTransactions: true });
result.block = {
  ...fields(block, ['baseFeePerGas', 'difficulty', 'gasLimit', 'gasUsed', 'logsBloom', 'miner', 'number', 'receiptsRoot',
    'sha3Uncles', 'transactionsRoot', 'uncles']),
  transactions: block.transactions.map(transaction),
};
const proof = await client.getProof({ address, storageKeys: [viem.zeroHash, viem.toHex(99, { size: 32 })] });
result.proof = fields(proof, ['balance', 'codeHash', 'nonce', 'storageHash', 'storageProof']);
result.fees = {
  estimated: await client.estimateFeesPerGas(), gasPrice: await client.getGasPrice(),
  history: await client.getFeeHistory({ blockCount: 3, blockNumber: result.sent.plain.receipt.blockNumber,
    rewardPercentiles: [10, 50] }),
};
const ask = (method, params) => client.request({ method, params });
result.traces = { deployed: await traces(ask, deploying) };
for (const name of ['storeMany', 'accessList', 'create', 'refuse']) {
  result.traces[name] = await traces(ask, result.sent[name].receipt.transactionHash);
}
if (socket) {
  const live = viem.createPublicClient({ chain, transport: viem.webSocket(socket) });
  const [heads, logs] = [[], []];
  const stop = [];
  const arrived = new Promise((resolve) => {
    const check = () => heads.length >= 1 && logs.length >= 2 && resolve();
    stop.push(live.watchBlockNumber({ onBlockNumber: (number) => { heads.push(number); check(); } }));
    stop.push(live.watchContractEvent({ address, abi, eventName: 'Stored', onLogs: (some) => {
      logs.push(...some.map((log) => [log.blockNumber, log.logIndex, log.removed, log.args]));
      check();
    } }));
  });
  // Sent in order, so the subscriptions stand when this is answered.
  await live.getChainId();
  const hash = await write('storeMany', [30n, 2n, '0x55'])();
  await client.waitForTransactionReceipt({ hash });
  await arrived;
  stop.forEach((end) => end());
  result.subscription = { heads: heads.slice(-1), logs };
  (await live.transport.getRpcClient()).close();
}
done(result);
