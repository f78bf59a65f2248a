import { type FormEvent, useState } from "react";
import * as api from "../api";
import { go } from "../route";
import type { Hit } from "../types";
import { Hash, Notice, Page, Tabs } from "../ui";
import { AddressView } from "./explorer/Address";
import { BlockView } from "./explorer/Block";
import { FeedList } from "./explorer/FeedList";
import { BlockList, TradeList, TransactionList } from "./explorer/Lists";
import { RoleChanges } from "./explorer/RoleChanges";
import { TradeView } from "./explorer/Trade";
import { TransactionView } from "./explorer/Transaction";

const PATHS: Record<Hit["kind"], string> = {
  block: "block", transaction: "tx", trade: "trade", address: "address",
};

export function Explorer({ path }: { path: string }) {
  const [, , section = "", id = ""] = (path.split("?")[0] ?? "").split("/");
  const name = decodeURIComponent(id);
  const detail = {
    block: <BlockView id={name} />,
    tx: <TransactionView hash={name} />,
    trade: <TradeView id={name} />,
    address: <AddressView address={name} />,
  }[section];
  const list = {
    transactions: <TransactionList />,
    trades: <TradeList />,
    events: <FeedList />,
    rights: <RoleChanges />,
  }[section];
  return (
    <Page
      name="explorer"
      title="Blockchain Explorer"
      lead="Everything that the contracts did, open to everyone. Names stay out: there are only addresses."
      actions={<Search />}
    >
      <Tabs
        label="Explorer"
        items={[
          { href: "/explorer", text: "Blocks", on: section === "" || section === "block" },
          { href: "/explorer/transactions", text: "Transactions", on: section === "transactions" || section === "tx" },
          { href: "/explorer/trades", text: "Trades", on: section === "trades" || section === "trade" },
          { href: "/explorer/events", text: "Events", on: section === "events" },
          { href: "/explorer/rights", text: "Rights", on: section === "rights" },
        ]}
      />
      {detail ?? list ?? <BlockList />}
    </Page>
  );
}

function Search() {
  const [q, setQ] = useState("");
  const [hits, setHits] = useState<Hit[] | Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setHits(undefined);
    try {
      const found = await api.search(q.trim());
      if (found.length === 1) {
        setQ("");
        go(`/explorer/${PATHS[found[0]!.kind]}/${found[0]!.id}`);
      } else setHits(found);
    } catch (problem) {
      setHits(problem as Error);
    }
  };
  return (
    <form role="search" className="search" onSubmit={submit}>
      <label className="sr-only" htmlFor="search">
        Block number, hash, transaction, trade or address
      </label>
      <input
        id="search"
        type="search"
        placeholder="Block, hash, trade, address"
        maxLength={100}
        required
        autoComplete="off"
        spellCheck={false}
        value={q}
        onChange={(event) => setQ(event.target.value)}
      />
      <button type="submit">Search</button>
      {hits instanceof Error && <Notice tone="bad">{hits.message}</Notice>}
      {Array.isArray(hits) && !hits.length && <Notice tone="info">Nothing has this name. A whole hash or address is found, or a block’s number.</Notice>}
      {Array.isArray(hits) && hits.length > 1 && (
        <ul className="hits">
          {hits.map((hit) => (
            <li key={`${hit.kind} ${hit.id}`}>
              {hit.kind} <Hash value={hit.id} href={`/explorer/${PATHS[hit.kind]}/${hit.id}`} />
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}
