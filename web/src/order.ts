// An order as it is signed (EIP-712).

import type { Market, OrderTerms } from "./types";

const ORDER = [
  ["account", "address"], ["side", "uint8"], ["slot", "uint64"], ["quantity", "uint64"],
  ["limitPrice", "uint64"], ["minFill", "uint64"], ["community", "bytes32"], ["zone", "bytes32"],
  ["connectionPoint", "bytes32"], ["policy", "bytes32"], ["delegate", "address"],
  ["nonce", "uint256"], ["expiry", "uint64"],
].map(([name, type]) => ({ name, type }));

const DOMAIN = [
  ["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"],
].map(([name, type]) => ({ name, type }));

/** A nonce that no other order of the account has. */
export function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `0x${BigInt(`0x${hex}`).toString(16)}`;
}

/** An id as the contracts carry it: 16 bytes, then 16 zero bytes. */
export function bytes32(uuid: string): string {
  return `0x${uuid.replaceAll("-", "").padEnd(64, "0")}`;
}

/** The typed data that a wallet shows and signs. */
export function typedData(order: OrderTerms, market: Market) {
  return {
    types: { EIP712Domain: DOMAIN, Order: ORDER },
    primaryType: "Order",
    domain: {
      name: "Wattex EnergyMarket",
      version: "1",
      chainId: market.chain_id,
      verifyingContract: market.contracts.market,
    },
    message: {
      ...order,
      side: order.side === "buy" ? 0 : 1,
      community: bytes32(order.community),
      zone: bytes32(order.zone),
      connectionPoint: bytes32(order.connectionPoint),
      nonce: BigInt(order.nonce).toString(),
    },
  };
}
