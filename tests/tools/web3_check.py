"""What web3.py sees of a node.

usage: web3_check.py RPC_URL PRIVATE_KEY ARTIFACT.json [WS_URL]
"""

import asyncio
import json
import sys

from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import Web3Exception

url, key, path, *socket = sys.argv[1:]
w3 = Web3(Web3.HTTPProvider(url))
assert w3.is_connected()
account = w3.eth.account.from_key(key)
with open(path, encoding="utf-8") as file:
    artifact = json.load(file)
HEIR = Web3.to_checksum_address("0x00000000000000000000000000000000000000aa")
# The gas too: each node rounds its estimates in its own way.
FEES = {"maxFeePerGas": 1_000, "maxPriorityFeePerGas": 3, "gas": 1_000_000}
RECEIPT = "blockNumber contractAddress cumulativeGasUsed effectiveGasPrice from gasUsed logsBloom " \
    "status to transactionHash transactionIndex type".split()
TRANSACTION = "accessList blockNumber chainId from gas gasPrice hash input maxFeePerGas " \
    "maxPriorityFeePerGas nonce r s to transactionIndex type v value".split()
LOG = "address topics data logIndex transactionIndex removed".split()


def fields(value, names):
    return {name: value.get(name) for name in names}


def receipt(one):
    return fields(one, RECEIPT) | {"logs": [fields(log, LOG) for log in one["logs"]]}


def sign(transaction):
    nonce = w3.eth.get_transaction_count(account.address)
    transaction = {"from": account.address, "nonce": nonce, "chainId": w3.eth.chain_id} | transaction
    return account.sign_transaction(transaction).raw_transaction


def send(transaction, status=1):
    mined = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(sign(transaction)), poll_latency=0.02
    )
    assert mined.status == status, mined
    seen = w3.eth.get_transaction(mined.transactionHash)
    return {"receipt": receipt(mined), "transaction": fields(seen, TRANSACTION)}


def build(call, **more):
    return call.build_transaction({"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)} | (more or FEES))


def refused(attempt):
    try:
        attempt()
    except Web3Exception as error:
        rpc = getattr(error, "rpc_response", None) or {}
        told = rpc.get("error", {})
        return {
            "name": type(error).__name__, "message": getattr(error, "message", None) or str(error),
            "data": getattr(error, "data", None), "code": told.get("code"), "told": told.get("message"),
        }
    raise AssertionError("it should have failed")


def plain(value):
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "items"):
        return {name: plain(one) for name, one in value.items()}
    return value


factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
result = {"chainId": w3.eth.chain_id, "deployed": send(build(factory.constructor(7, "python"), value=5, **FEES))}
address = result["deployed"]["receipt"]["contractAddress"]
contract = w3.eth.contract(address=address, abi=artifact["abi"])
calls = contract.functions
result["code"] = w3.eth.get_code(address)
filtered = contract.events.Stored.create_filter(from_block="latest")
blocks = w3.eth.filter("latest")
little = FEES | {"gas": 200_000}
legacy = {"gasPrice": 900, "gas": 1_000_000}
listed = {"gasPrice": 900, "gas": 1_000_000, "accessList": [{"address": address, "storageKeys": ["0x" + "00" * 32]}], "type": 1}
result["sent"] = {
    "store": send(build(calls.store(1, 2, b"\x12\x34"), value=3, **FEES)),
    "storeMany": send(build(calls.storeMany(10, 5, b""))),
    "legacy": send(build(calls.store(2, 4, b""), **legacy)),
    "accessList": send(build(calls.store(3, 9, b""), **listed)),
    "create": send(build(calls.create(Web3.keccak(b"\x01")))),
    "destroyed": send(build(calls.destroyed(HEIR))),
    "plain": send({"to": HEIR, "value": 12} | FEES),
    "refuse": send(build(calls.refuse(4), **little), status=0),
    "neverEnds": send(build(calls.neverEnds(), **little), status=0),
}
result["read"] = {
    "count": calls.count().call(), "name": calls.name().call(), "last": calls.last().call(),
    "sum": calls.sum(0, 20).call({"from": account.address}), "hashed": calls.hashed(b"\x01\x02\x03").call(),
    "early": calls.values(1).call(block_identifier=result["sent"]["store"]["receipt"]["blockNumber"]),
}
result["state"] = {
    "balance": w3.eth.get_balance(address), "nonce": w3.eth.get_transaction_count(account.address),
    "storage": w3.eth.get_storage_at(address, 0), "absent": w3.eth.get_storage_at(address, 99),
}
result["estimates"] = {
    "store": calls.store(77, 1, b"").estimate_gas({"from": account.address}),
    "plain": w3.eth.estimate_gas({"from": account.address, "to": HEIR, "value": 1}),
}
result["refused"] = {
    "custom": refused(lambda: calls.refuse(9).call()), "text": refused(lambda: calls.refuseWithText().call()),
    "silent": refused(lambda: calls.refuseSilently().call()), "panic": refused(lambda: calls.divide(1, 0).call()),
    "nonceLow": refused(lambda: w3.eth.send_raw_transaction(sign(FEES | {"to": HEIR, "nonce": 0}))),
    "gasLow": refused(lambda: w3.eth.send_raw_transaction(sign(FEES | {"to": HEIR, "gas": 20_000}))),
    "missing": refused(lambda: w3.eth.get_transaction("0x" + "00" * 32)),
    "missingBlock": refused(lambda: w3.eth.get_block(1_000_000)),
}
start = result["deployed"]["receipt"]["blockNumber"]
stored = contract.events.Stored
result["logs"] = {
    "all": [[log.blockNumber, log.logIndex, log.args] for log in stored.get_logs(from_block=start)],
    "byKey": [log.args for log in stored.get_logs(from_block=start, argument_filters={"key": [10, 12]})],
    "filtered": [log.args for log in filtered.get_new_entries()],
    "again": filtered.get_new_entries(), "blocks": len(blocks.get_new_entries()),
}
assert len(result["logs"]["byKey"]) == 2, result["logs"]
block = w3.eth.get_block(result["sent"]["storeMany"]["receipt"]["blockNumber"], full_transactions=True)
names = "baseFeePerGas difficulty gasLimit gasUsed logsBloom miner number receiptsRoot sha3Uncles transactionsRoot uncles"
result["block"] = fields(block, names.split()) | {"transactions": [fields(one, TRANSACTION) for one in block["transactions"]]}
slots = ["0x" + number.to_bytes(32, "big").hex() for number in (0, 99)]
proof = w3.eth.get_proof(address, slots, "latest")
result["proof"] = fields(proof, ["balance", "codeHash", "nonce", "storageHash", "storageProof"])
history = w3.eth.fee_history(3, result["sent"]["plain"]["receipt"]["blockNumber"], [10, 50])


def ask(method, *parameters):
    answer = w3.provider.make_request(method, list(parameters))
    assert "error" not in answer, (method, answer)
    return answer["result"]


def traces(sent):
    """What geth's tracers and Parity's say of a transaction."""
    hashed = sent["receipt"]["transactionHash"].to_0x_hex()
    return {
        "calls": ask("debug_traceTransaction", hashed, {"tracer": "callTracer", "tracerConfig": {"withLog": True}}),
        "prestate": ask("debug_traceTransaction", hashed, {"tracer": "prestateTracer"}),
        "changed": ask("debug_traceTransaction", hashed, {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}),
        "steps": ask("debug_traceTransaction", hashed, {"enableMemory": True, "enableReturnData": True}),
        "parity": ask("trace_transaction", hashed),
    }


result["traces"] = {name: traces(result["sent"][name]) for name in ("store", "accessList", "destroyed", "refuse")}
result["traces"]["deployed"] = traces(result["deployed"])
result["fees"] = {"history": history, "gasPrice": w3.eth.gas_price, "tip": w3.eth.max_priority_fee}


async def subscription(where):
    seen = []
    async with AsyncWeb3(WebSocketProvider(where)) as live:
        logs = await live.eth.subscribe("logs", {"address": address})
        heads = await live.eth.subscribe("newHeads")
        send(build(calls.storeMany(30, 2, b"\x55")))
        async for message in live.socket.process_subscriptions():
            one = message["result"]
            if message["subscription"] == logs:
                seen.append(["log", fields(one, LOG)])
            else:
                assert message["subscription"] == heads
                seen.append(["head", fields(one, ["number", "miner", "gasUsed", "gasLimit"])])
            if len(seen) == 3:
                break
    return sorted(seen, key=str)


if socket:
    result["subscription"] = asyncio.run(subscription(socket[0]))
print(json.dumps(plain(result)))
