import { useState } from "react";
import * as api from "../../api";
import {
  MONEY_SCALE, PRICE_SCALE, count, formatDecimal, kwh, readDecimal, runName, utc,
} from "../../format";
import { type News, useLoad } from "../../live";
import { Link } from "../../route";
import type { Block, ChainTrade, Page, Transaction } from "../../types";
import { Address, Badge, Card, type Column, Hash, Load, Pager, Table } from "../../ui";

const NEWS: News[] = ["block", "block_removed"];

/** A list that follows the chain on its first page and can be walked back in time. */
function Pages<T>(props: {
  name: string;
  title: string;
  load: (cursor?: string) => Promise<Page<T>>;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  empty: string;
}) {
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const page = useLoad(`${props.name} ${cursor ?? ""}`, () => props.load(cursor), cursor ? [] : NEWS);
  return (
    <Card title={props.title} id={props.name} aside={!cursor && <Badge tone="good">Newest</Badge>}>
      <Load of={page}>
        {(data) => (
          <>
            <Table
              caption={`${props.title}, newest first`}
              columns={props.columns}
              rows={data.items}
              rowKey={props.rowKey}
              empty={props.empty}
            />
            <Pager trail={trail} next={data.next} onMove={setTrail} />
          </>
        )}
      </Load>
    </Card>
  );
}

export function BlockList() {
  return (
    <Pages<Block>
      name="blocks"
      title="Blocks"
      load={api.blocks}
      rowKey={(block) => block.hash}
      empty="The index has no block yet. It follows the chain: look again in a moment."
      columns={[
        { head: "Block", cell: (block) => <Link href={`/explorer/block/${block.number}`} className="strong">{block.number}</Link> },
        { head: "Hash", cell: (block) => <Hash value={block.hash} href={`/explorer/block/${block.number}`} /> },
        { head: "Time", cell: (block) => <time dateTime={block.timestamp}>{utc(block.timestamp)}</time> },
        { head: "Transactions", numeric: true, cell: (block) => count(block.transaction_count) },
        { head: "Events", numeric: true, cell: (block) => count(block.event_count) },
        { head: "Gas used", numeric: true, cell: (block) => count(block.gas_used) },
        {
          head: "State",
          cell: (block) => (
            <Badge tone={block.finalized ? "good" : "quiet"}>{block.finalized ? "Final" : "Confirmed"}</Badge>
          ),
        },
      ]}
    />
  );
}

export function TransactionList({ address }: { address?: string }) {
  return (
    <Pages<Transaction>
      name={address ? `transactions-${address}` : "transactions"}
      title="Transactions"
      load={(cursor) => api.transactions(address, cursor)}
      rowKey={(transaction) => transaction.hash}
      empty={address ? "This address has sent and received no transaction." : "There is no transaction yet. They come with the first trades."}
      columns={[
        { head: "Transaction", cell: (tx) => <Hash value={tx.hash} href={`/explorer/tx/${tx.hash}`} /> },
        { head: "Block", numeric: true, cell: (tx) => <Link href={`/explorer/block/${tx.block}`}>{tx.block}</Link> },
        { head: "Time", cell: (tx) => <time dateTime={tx.timestamp}>{utc(tx.timestamp)}</time> },
        { head: "From", cell: (tx) => <Address value={tx.from} /> },
        {
          head: "To",
          cell: (tx) => (tx.to ? <Address value={tx.to} /> : "new contract"),
        },
        { head: "Gas used", numeric: true, cell: (tx) => count(tx.gas_used) },
        { head: "Result", cell: (tx) => <Result success={tx.success} /> },
      ]}
    />
  );
}

export function Result({ success }: { success: boolean }) {
  return <Badge tone={success ? "good" : "bad"}>{success ? "Success" : "Reverted"}</Badge>;
}

export function TradeState({ trade }: { trade: ChainTrade }) {
  const run = trade.outcome?.run;
  if (run === undefined) return <Badge tone="info">Settled</Badge>;
  return <Badge tone={run < 254 ? "good" : "info"}>{runName(run)}</Badge>;
}

/** With so many decimals in every row of every page, so that a column's points stand in one line. */
function fixed(amount: string, scale: number, decimals: number): string {
  return formatDecimal(readDecimal(amount, scale), scale, decimals, decimals);
}

export function TradeList({ address }: { address?: string }) {
  return (
    <Pages<ChainTrade>
      name={address ? `trades-${address}` : "chain-trades"}
      title="Trades"
      load={(cursor) => api.chainTrades(address, cursor)}
      rowKey={(trade) => trade.trade}
      empty={address ? "This address has settled no trade." : "No trade has settled yet. They come when the first slot is cleared."}
      columns={[
        { head: "Trade", cell: (trade) => <Hash value={trade.trade} href={`/explorer/trade/${trade.trade}`} /> },
        { head: "Slot", cell: (trade) => <time dateTime={trade.slot}>{utc(trade.slot)}</time> },
        { head: "Seller", cell: (trade) => <Address value={trade.seller} /> },
        { head: "Buyer", cell: (trade) => <Address value={trade.buyer} /> },
        { head: "Amount (kWh)", numeric: true, cell: (trade) => kwh(trade.quantity_wh, 3) },
        { head: "Price ($/kWh)", numeric: true, cell: (trade) => fixed(trade.price, PRICE_SCALE, 4) },
        { head: "Escrow ($)", numeric: true, cell: (trade) => fixed(trade.escrow, MONEY_SCALE, 5) },
        { head: "State", cell: (trade) => <TradeState trade={trade} /> },
      ]}
    />
  );
}
