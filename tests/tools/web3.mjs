// What web3.js sees of a node: usage and result are those of plain.mjs.
import assert from 'node:assert/strict';
import { artifact, done, failure, fields, key, require, socket, traces, url } from './plain.mjs';

const { Web3 } = require('web3');
const web3 = new Web3(url);
web3.eth.transactionPollingInterval = 20;
web3.eth.transactionReceiptPollingInterval = 20;
web3.eth.transactionConfirmationBlocks = 1;
web3.eth.contractDataInputFill = 'input';
const account = web3.eth.accounts.privateKeyToAccount(key);
web3.eth.accounts.wallet.add(account);
const from = account.address;
const HEIR = '0x00000000000000000000000000000000000000aa';
// The gas too: each node rounds its estimates in its own way.
const FEES = { from, maxFeePerGas: '1000', maxPriorityFeePerGas: '3', gas: '1000000' };
const ZERO = `0x${'0'.repeat(64)}`;
const SLOT = `0x${(99).toString(16).padStart(64, '0')}`;

const receipt = ({ logs, ...rest }) => ({
  ...fields(rest, ['blockNumber', 'contractAddress', 'cumulativeGasUsed', 'effectiveGasPrice', 'from', 'gasUsed',
    'logsBloom', 'status', 'to', 'transactionHash', 'transactionIndex', 'type']),
  logs: logs.map((log) => fields(log, ['address', 'topics', 'data', 'logIndex', 'transactionIndex', 'removed'])),
});
const transaction = (one) => fields(one, ['accessList', 'blockNumber', 'chainId', 'from', 'gas', 'gasPrice', 'hash', 'input',
  'maxFeePerGas', 'maxPriorityFeePerGas', 'nonce', 'r', 's', 'to', 'transactionIndex', 'type', 'v', 'value']);
const refusal = (error) => {
  const inner = error.cause ?? error.innerError;
  return { name: error.name, reason: error.reason, signature: error.signature ?? error.data,
    code: inner?.code ?? error.code, message: inner?.message ?? error.message, data: inner?.data };
};
const refused = (attempt) => failure(attempt, refusal);

const result = { chainId: await web3.eth.getChainId(), network: await web3.eth.net.getId() };
const bare = new web3.eth.Contract(artifact.abi);
const contract = await bare.deploy({ data: artifact.bytecode, arguments: [7, 'web3'] }).send({ ...FEES, value: '5' });
const address = contract.options.address;
const { methods } = contract;
result.address = address;
result.code = await web3.eth.getCode(address);

result.sent = {};
for (const [name, send] of Object.entries({
  store: () => methods.store(1, 2, '0x1234').send({ ...FEES, value: '3' }),
  storeMany: () => methods.storeMany(10, 5, '0x').send(FEES),
  legacy: () => methods.store(2, 4, '0x').send({ from, type: '0x0', gasPrice: '900', gas: '1000000' }),
  create: () => methods.create(web3.utils.keccak256('0x01')).send(FEES),
  plain: () => web3.eth.sendTransaction({ ...FEES, to: HEIR, value: '12' }),
})) {
  const mined = await send();
  const seen = await web3.eth.getTransaction(mined.transactionHash);
  const raw = await web3.eth.getTransactionReceipt(mined.transactionHash);
  result.sent[name] = { receipt: receipt(raw), transaction: transaction(seen) };
  assert.equal(raw.status, 1n, name);
}

result.read = {
  count: await methods.count().call(), name: await methods.name().call(), sum: await methods.sum(0, 20).call({ from }),
  last: await methods.last().call(), hashed: await methods.hashed('0x010203').call(),
  early: await methods.values(1).call({}, result.sent.store.receipt.blockNumber),
};
result.state = {
  balance: await web3.eth.getBalance(address), nonce: await web3.eth.getTransactionCount(from),
  storage: await web3.eth.getStorageAt(address, ZERO), absent: await web3.eth.getStorageAt(address, SLOT),
};
result.estimates = {
  store: await methods.store(77, 1, '0x').estimateGas({ from }),
  plain: await web3.eth.estimateGas({ from, to: HEIR, value: '1' }),
};
result.refused = {
  custom: await refused(() => methods.refuse(9).call()), text: await refused(() => methods.refuseWithText().call()),
  silent: await refused(() => methods.refuseSilently().call()), panic: await refused(() => methods.divide(1, 0).call()),
  nonceLow: await refused(async () => {
    const signed = await account.signTransaction({ ...FEES, to: HEIR, gas: '21000', nonce: 0, chainId: result.chainId });
    await web3.eth.sendSignedTransaction(signed.rawTransaction);
  }),
};
const start = result.sent.store.receipt.blockNumber;
result.logs = {
  all: (await contract.getPastEvents('Stored', { fromBlock: start, toBlock: 'latest' }))
    .map((log) => [log.blockNumber, log.logIndex, log.returnValues]),
  byKey: (await contract.getPastEvents('Stored', { filter: { key: [10, 12] }, fromBlock: start, toBlock: 'latest' })).length,
};
assert.equal(result.logs.byKey, 2);
const block = await web3.eth.getBlock(result.sent.storeMany.receipt.blockNumber, true);
result.block = {
  ...fields(block, ['baseFeePerGas', 'difficulty', 'gasLimit', 'gasUsed', 'logsBloom', 'miner', 'number', 'receiptsRoot',
    'sha3Uncles', 'transactionsRoot', 'uncles']),
  transactions: block.transactions.map(transaction),
};
const proof = await web3.eth.getProof(address, [ZERO, SLOT], 'latest');
result.proof = fields(proof, ['balance', 'codeHash', 'nonce', 'storageHash', 'storageProof']);
const history = await web3.eth.getFeeHistory(3, result.sent.plain.receipt.blockNumber, [10, 50]);
result.fees = { gasPrice: await web3.eth.getGasPrice(), history };
const ask = async (method, params) => {
  const answer = await web3.currentProvider.request({ jsonrpc: '2.0', id: 1, method, params });
  assert.equal(answer.error, undefined, method);
  return answer.result;
};
result.traces = {};
for (const name of ['store', 'legacy', 'create', 'plain']) {
  result.traces[name] = await traces(ask, result.sent[name].receipt.transactionHash);
}

const logFilter = await web3.eth.createNewFilter({ address });
const blockFilter = await web3.eth.createNewBlockFilter();
await methods.storeMany(40, 2, '0x66').send(FEES);
const changes = () => web3.eth.getFilterChanges(logFilter);
result.filters = {
  changes: (await changes()).map((log) => fields(log, ['address', 'topics', 'data', 'logIndex', 'blockNumber', 'removed'])),
  again: await changes(), all: (await web3.eth.getFilterLogs(logFilter)).length,
  blocks: (await web3.eth.getFilterChanges(blockFilter)).length,
  uninstalled: [await web3.eth.uninstallFilter(logFilter), await web3.eth.uninstallFilter(logFilter)],
  gone: await refused(changes),
};
assert.equal(result.filters.changes.length, 2);

if (socket) {
  const live = new Web3(socket);
  const seen = [];
  const logs = await live.eth.subscribe('logs', { address });
  const heads = await live.eth.subscribe('newBlockHeaders');
  const arrived = new Promise((resolve) => {
    const check = () => seen.filter(([name]) => name === 'log').length >= 2 && seen.some(([name]) => name === 'head') && resolve();
    logs.on('data', (log) => { seen.push(['log', fields(log, ['address', 'topics', 'data', 'logIndex', 'removed'])]); check(); });
    heads.on('data', (head) => { seen.push(['head', fields(head, ['number', 'miner', 'gasUsed', 'gasLimit'])]); check(); });
  });
  await methods.storeMany(30, 2, '0x55').send(FEES);
  await arrived;
  result.subscription = seen.sort();
  await logs.unsubscribe();
  await heads.unsubscribe();
  live.provider.disconnect();
}
done(result);
