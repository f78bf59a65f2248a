// Signing: by the operator's signer for a held key, by the browser's wallet for an own one.

import { sameAddress } from "./address";
import * as api from "./api";
import { typedData } from "./order";
import type {
  Approval, ChallengeCall, Custody, Market, OrderTerms, PayoutSignatures, PreparedAddress, PreparedPayout,
  PreparedRequest,
} from "./types";

export interface Wallet {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

declare global {
  interface Window {
    ethereum?: Wallet;
  }
}

/** What a wallet answers when it does not know a chain (EIP-3085). */
const UNKNOWN_CHAIN = 4902;

export function hasWallet(): boolean {
  return !!window.ethereum;
}

function walletOf(): Wallet {
  if (!window.ethereum) throw new Error("This browser has no wallet: install one, then load the page again");
  return window.ethereum;
}

async function accountsOf(wallet: Wallet): Promise<string[]> {
  const accounts = (await wallet.request({ method: "eth_requestAccounts" })) as string[];
  if (!accounts[0]) throw new Error("The wallet gave no address");
  return accounts;
}

/** Wallets sign typed data for the chain they are on alone: moves it to ours, telling it where that is. */
async function useChain(wallet: Wallet, chain: number): Promise<void> {
  const chainId = `0x${chain.toString(16)}`;
  if (Number(await wallet.request({ method: "eth_chainId" })) === chain) return;
  try {
    await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
  } catch (problem) {
    if ((problem as { code?: number }).code !== UNKNOWN_CHAIN) throw problem;
    const rpcUrls = [new URL("/rpc", location.origin).href];
    const nativeCurrency = { name: "Wattex", symbol: "WTX", decimals: 18 };
    const ours = { chainId, chainName: `Wattex ${chain}`, rpcUrls, nativeCurrency };
    await wallet.request({ method: "wallet_addEthereumChain", params: [ours] });
  }
}

/** Brings the wallet to an account on a chain. */
async function useAccount(wallet: Wallet, account: string, chain: number): Promise<void> {
  const accounts = await accountsOf(wallet);
  if (!accounts.some((one) => sameAddress(one, account))) {
    throw new Error(`The wallet is at another address: choose ${account} in it`);
  }
  await useChain(wallet, chain);
}

/** Has the wallet sign typed data, of a key or of a contract account: the server knows every form. */
async function signTyped(wallet: Wallet, account: string, data: unknown): Promise<string> {
  const params = [account, JSON.stringify(data)];
  return String(await wallet.request({ method: "eth_signTypedData_v4", params }));
}

/** Has the wallet send a call of a contract; it pays for the gas. The transaction's hash. */
export async function sendCall(call: ChallengeCall): Promise<string> {
  const wallet = walletOf();
  const [from] = await accountsOf(wallet);
  await useChain(wallet, call.chain_id);
  const transaction = { from, to: call.to, value: "0x0", data: call.data };
  return String(await wallet.request({ method: "eth_sendTransaction", params: [transaction] }));
}

/** Has the wallet sign an order. */
export async function signWith(wallet: Wallet, order: OrderTerms, market: Market): Promise<string> {
  await useAccount(wallet, order.account, market.chain_id);
  return signTyped(wallet, order.account, typedData(order, market));
}

/** Has the wallet sign both requests of a payout, one after the other; of what is outside of trading there is
 * only the second. */
export async function signPayoutWith(wallet: Wallet, prepared: PreparedPayout): Promise<PayoutSignatures> {
  const { account } = prepared.terms;
  await useAccount(wallet, account, prepared.redemption.domain.chainId);
  const out = prepared.withdrawal;
  const signed = out ? { withdrawal: await signTyped(wallet, account, out) } : {};
  return { ...signed, redemption: await signTyped(wallet, account, prepared.redemption) };
}

/** What is signed of a request: its terms, and what a wallet is shown of them. */
type Signable = Pick<PreparedRequest, "terms" | "typed_data">;

/** Has the wallet sign a transfer, a mandate or an exchange. */
export async function signRequestWith(wallet: Wallet, prepared: Signable): Promise<string> {
  const { account } = prepared.terms;
  await useAccount(wallet, account, prepared.typed_data.domain.chainId);
  return signTyped(wallet, account, prepared.typed_data);
}

/** Signs an order with the key of its account, wherever it is. An order that is too large for the
 * operator's signer to sign alone waits for a member of staff instead. */
export async function sign(order: OrderTerms, market: Market, custody: Custody): Promise<string | Approval> {
  if (custody === "own") return signWith(walletOf(), order, market);
  const answer = await api.signOrder(order);
  return "signature" in answer ? answer.signature : answer;
}

/** Signs a payout with the key of its account, wherever it is; a large one may wait as an order does. */
export async function signPayout(
  prepared: PreparedPayout,
  custody: Custody,
): Promise<PayoutSignatures | Approval> {
  if (custody === "own") return signPayoutWith(walletOf(), prepared);
  return prepared.withdrawal ? api.signPayout(prepared.terms) : api.signRedemption(prepared.terms);
}

/** Signs a transfer, a mandate or an exchange with the key of its account, wherever it is; a large one may
 * wait as an order does. */
export async function signRequest(prepared: Signable, custody: Custody): Promise<string | Approval> {
  if (custody === "own") return signRequestWith(walletOf(), prepared);
  const answer = await api.signRequest(prepared.terms);
  return "signature" in answer ? answer.signature : answer;
}

/** What the next address of an account signs: that it succeeds, and that the meters are its own. */
export async function signAsNext({ address, succession, enrolments }: PreparedAddress, wallet: Wallet = walletOf()) {
  await useAccount(wallet, address, succession.domain.chainId);
  const signature = await signTyped(wallet, address, succession);
  const signed = [];
  for (const { meter, typed_data } of enrolments) {
    signed.push({ meter, owner_signature: await signTyped(wallet, address, typed_data) });
  }
  return { address, signature, enrolments: signed };
}

/** What the address before signs. */
export async function signAsFormer({ former, succession }: PreparedAddress, wallet: Wallet = walletOf()): Promise<string> {
  await useAccount(wallet, former, succession.domain.chainId);
  return signTyped(wallet, former, succession);
}

/** The address that the wallet is at. */
export async function addressOfWallet(wallet: Wallet = walletOf()): Promise<string> {
  const [address = ""] = await accountsOf(wallet);
  return address;
}

/** Proves to the server that the wallet's key is here (EIP-4361). */
export async function proveKey(wallet: Wallet = walletOf()) {
  const [address = ""] = await accountsOf(wallet);
  const { nonce, message } = await api.challenge(address);
  const text = Array.from(new TextEncoder().encode(message), (byte) => byte.toString(16).padStart(2, "0"));
  const params = [`0x${text.join("")}`, address];
  const signature = String(await wallet.request({ method: "personal_sign", params }));
  return { address, nonce, message, signature };
}

/** Signs in with the wallet's key. */
export async function logInWithWallet(): Promise<void> {
  const { message, signature } = await proveKey();
  await api.logInBySignature(message, signature);
}
