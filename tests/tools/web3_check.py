"""Deploys a contract with web3.py, sends to it, reads it, its logs, receipt and proof.

usage: web3_check.py RPC_URL PRIVATE_KEY CONTRACT.json
"""

import json
import sys

from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError

url, key, path = sys.argv[1:]
w3 = Web3(Web3.HTTPProvider(url))
assert w3.is_connected()
account = w3.eth.account.from_key(key)
with open(path, encoding="utf-8") as file:
    artifact = json.load(file)


def send(call):
    transaction = call.build_transaction(
        {"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)}
    )
    signed = account.sign_transaction(transaction)
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.05
    )
    assert receipt.status == 1, receipt
    return receipt


factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
deployed = send(factory.constructor(account.address))
contract = w3.eth.contract(address=deployed.contractAddress, abi=artifact["abi"])
send(contract.functions.grantRole(Web3.keccak(text="ANCHOR"), account.address))

name, content = (Web3.keccak(text=text) for text in ("name", "content"))
receipt = send(contract.functions.anchorTariff(name, 20_000, content))
events = contract.events.TariffAnchored().process_receipt(receipt)
assert len(events) == 1 and content in events[0]["args"].values(), events
logs = contract.events.TariffAnchored.get_logs(from_block=receipt.blockNumber)
assert [log.transactionHash for log in logs] == [receipt.transactionHash]

stranger = w3.eth.account.create().address
try:
    contract.functions.anchorTariff(name, 20_000, content).call({"from": stranger})
except (ContractCustomError, ContractLogicError):
    pass
else:
    raise AssertionError("a stranger may not anchor")

block = w3.eth.get_block(receipt.blockNumber, full_transactions=True)
assert receipt.transactionHash in [transaction.hash for transaction in block.transactions]
assert w3.eth.get_proof(contract.address, [0], "latest").accountProof
assert w3.eth.fee_history(1, "latest").baseFeePerGas
print(json.dumps({"contract": contract.address, "block": receipt.blockNumber}))
