// Signing an order: by the operator's signer for a held key, by the browser's wallet for an own one.

import * as api from "./api";
import { compact, typedData } from "./order";
import type { Custody, Market, OrderTerms } from "./types";


interface Wallet {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

declare global {
  interface Window {
    ethereum?: Wallet;
  }
}

function walletOf(): Wallet {
  if (!window.ethereum) throw new Error("This browser has no wallet: install one, then load the page again");
  return window.ethereum;
}

/** Signs an order with the key of its account, wherever it is. */
export async function sign(order: OrderTerms, market: Market, custody: Custody): Promise<string> {
  if (custody === "held") return (await api.signOrder(order)).signature;
  const wallet = walletOf();
  await wallet.request({ method: "eth_requestAccounts" });
  const params = [order.account, JSON.stringify(typedData(order, market))];
  return compact(String(await wallet.request({ method: "eth_signTypedData_v4", params })));
}

/** Proves to the server that the wallet's key is here. */
export async function proveKey() {
  const wallet = walletOf();
  const accounts = (await wallet.request({ method: "eth_requestAccounts" })) as string[];
  const address = accounts[0];
  if (!address) throw new Error("The wallet gave no address");
  const { nonce, message } = await api.challenge(address);
  const text = Array.from(new TextEncoder().encode(message), (byte) => byte.toString(16).padStart(2, "0"));
  const params = [`0x${text.join("")}`, address];
  const signature = String(await wallet.request({ method: "personal_sign", params }));
  return { address, nonce, signature };
}
