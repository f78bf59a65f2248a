// The JSON of the explorer: blocks, transactions, trades as the chain has them.

export interface Block {
  number: number;
  hash: string;
  parent: string;
  timestamp: string;
  transaction_count: number;
  event_count: number;
  gas_used: number;
  finalized: boolean;
}

export interface Work {
  miner: string;
  seal_hash: string;
  nonce: string;
  pow_hash: string;
  difficulty: string;
  target: string;
  parent_pow_hash: string;
  hash_matches: boolean;
  difficulty_met: boolean;
  gas_limit: number;
  base_fee_per_gas: number;
  state_root: string;
  transactions_root: string;
  receipts_root: string;
  history_root: string;
}

export interface ChainEvent {
  index: number;
  address: string;
  contract?: string;
  name?: string;
  fields: Record<string, unknown>;
  topics: string[];
  data: string;
}

export interface Transaction {
  hash: string;
  block: number;
  position: number;
  timestamp: string;
  from: string;
  to?: string;
  success: boolean;
  gas_used: number;
  events: ChainEvent[];
}

export interface BlockDetail extends Block {
  work?: Work;
  transactions: Transaction[];
}

export interface ChainTrade {
  trade: string;
  state: "settled" | "reconciled";
  block: number;
  transaction: string;
  clearing: string;
  buyer: string;
  seller: string;
  slot: string;
  quantity_wh: number;
  price: string;
  sell_price: string;
  escrow: string;
  collateral: string;
  outcome?: {
    run: number;
    delivered_wh: number;
    seller_short_wh: number;
    buyer_short_wh: number;
    seller_net: string;
    network: string;
    platform: string;
    difference: string;
    make_whole: string;
    compensation: string;
    imbalance: string;
    refund: string;
    collateral_back: string;
  };
}

export interface Hit {
  kind: "block" | "transaction" | "trade" | "address";
  id: string;
}
