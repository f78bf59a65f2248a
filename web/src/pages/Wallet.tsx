import { useState } from "react";
import * as api from "../api";
import { MONEY_SCALE, formatDecimal, money, readDecimal } from "../format";
import { useLoad } from "../live";
import type { Balance, Market, StatementLine, Wallet } from "../types";
import { Address, Badge, Card, Facts, Hash, Load, Notice, Page, Stat, Stats, Table, When } from "../ui";
import { useUser } from "../user";
import { words } from "./Market";
import { ExchangeCards } from "./wallet/Exchange";
import { ExportKey } from "./wallet/ExportKey";
import { PayIn } from "./wallet/PayIn";
import { Outside, PayOut } from "./wallet/PayOut";
import { Payouts } from "./wallet/Payouts";
import { Signer } from "./wallet/Signer";
import { Transfers } from "./wallet/Transfers";
import { WalletTabs } from "./wallet/WalletTabs";

export function WalletPage() {
  return (
    <Page name="wallet" title="Wallet" lead="Where your money is, as the contract on the chain says.">
      {useUser().account ? <Contents /> : <Notice tone="info">You do not trade here, so you have no wallet.</Notice>}
    </Page>
  );
}

function Contents() {
  const wallet = useLoad("wallet", api.wallet, ["block"]);
  const market = useLoad("market", api.market, ["block"]);
  const further = wallet.data?.balances.slice(1) ?? [];
  const zone = market.data?.timezone;
  return (
    <>
      <WalletTabs at="money" />
      <Load of={wallet}>{(data) => <Balances wallet={data} market={market.data} />}</Load>
      {further.length > 0 && <Further balances={further} />}
      <PayIn reference={wallet.data?.reference} further={further.map(({ currency }) => currency)} />
      <Outside amount={wallet.data?.outside} />
      <PayOut free={wallet.data?.free} />
      <Payouts zone={zone} />
      <Transfers free={wallet.data && freeOf(wallet.data, market.data)} zone={zone} />
      {wallet.data && further.length > 0 && <ExchangeCards balances={wallet.data.balances} zone={zone} />}
      <Key />
      <Statement zone={zone} />
      <HeldKey />
    </>
  );
}

/** How long after delivery proceeds stay locked, in words. */
function lockedFor(market: Market | undefined): string {
  if (!market) return "Paid, until corrections are over";
  const seconds = market.policy.correctionSeconds + market.policy.challengeSeconds;
  const hours = Math.ceil(seconds / 3600);
  const time = hours > 48 ? `${Math.ceil(hours / 24)} days` : `${hours} hours`;
  return `Paid, locked until ${time} after delivery`;
}

const read = (text: string) => readDecimal(text, MONEY_SCALE);

/** What is free and not held for open orders. */
function freeOf(wallet: Wallet, market: Market | undefined): bigint {
  const held = market?.cash ? read(market.cash.held) : 0n;
  return read(wallet.free) > held ? read(wallet.free) - held : 0n;
}

function Balances({ wallet, market }: { wallet: Wallet; market: Market | undefined }) {
  const held = market?.cash ? read(market.cash.held) : 0n;
  const free = freeOf(wallet, market);
  const parts: [string, bigint, string, string][] = [
    ["Free", free, "To trade with or to withdraw", "free"],
    ["Held", held, "Reserved for open orders", "held"],
    ["In escrow", read(wallet.escrow), "For energy you bought, until it is delivered", "escrow"],
    ["Collateral", read(wallet.collateral), "Behind energy you sold", "collateral"],
    ["Locked", read(wallet.locked), lockedFor(market), "locked"],
  ];
  const total = parts.reduce((sum, [, value]) => sum + (value > 0n ? value : 0n), 0n);
  return (
    <Card className="balance" title="Balance" aside={<b className="total">${money(wallet.total, 2)}</b>}>
      {total > 0n && (
        <div className="stackbar" aria-hidden="true">
          {parts.filter(([, value]) => value > 0n).map(([name, value, , kind]) => (
            <i key={name} className={kind} style={{ flexGrow: Number((value * 1000n) / total) }} />
          ))}
        </div>
      )}
      <Stats>
        {parts.map(([name, value, note, kind]) => (
          <Stat key={name} label={name} kind={kind} value={`$${money(value, 2)}`} note={note} />
        ))}
      </Stats>
    </Card>
  );
}

/** What the account has of currencies in which no energy is traded. */
function Further({ balances }: { balances: Balance[] }) {
  return (
    <Card title="Other currencies" id="currencies">
      <Stats>
        {balances.map(({ currency, total }) => (
          <Stat key={currency} label={currency} value={money(total, 2)} unit={currency} note="To exchange or to be paid out" />
        ))}
      </Stats>
    </Card>
  );
}

function Key() {
  const { account } = useUser();
  if (!account) return null;
  const held = account.custody === "held";
  return (
    <Card
      title="Your key"
      aside={<Badge tone={held ? "warn" : "good"}>{held ? "Held by the operator" : "Held by you alone"}</Badge>}
    >
      <Facts
        items={[
          ["Seen as", account.pseudonym],
          ["Address", <Address key="a" value={account.address} full />],
        ]}
      />
      <Notice tone={held ? "info" : "good"}>
        {held
          ? "The operator keeps your key encrypted and signs orders for you. Your bills say so."
          : "Orders are signed in your browser's wallet. Nobody can trade in your name."}
      </Notice>
    </Card>
  );
}

/** What concerns those whose key the operator holds. */
function HeldKey() {
  const { account } = useUser();
  if (account?.custody !== "held") return null;
  return (
    <>
      <Signer account={account.account} />
      <ExportKey />
    </>
  );
}

const MEANINGS: Record<string, string> = {
  deposited: "Money came in",
  settled: "A trade moved cash to escrow",
  reconciled: "What was delivered is paid",
  released: "Locked money became free",
  transferred: "Money went from one account to another",
  withdrawn: "Money left the market",
  redeemed: "Money waits for the bank to pay it out",
  "paid-out": "The bank paid it out",
  reissued: "What came back becomes yours to trade with again",
};

function Statement({ zone }: { zone: string | undefined }) {
  const first = useLoad("statement", () => api.statement(), ["block"]);
  const [more, setMore] = useState<{ lines: StatementLine[]; next?: string }>();
  const next = more ? more.next : first.data?.next;
  const older = async () => {
    const page = await api.statement(next);
    const lines = [...(more?.lines ?? []), ...page.items];
    setMore(page.next ? { lines, next: page.next } : { lines });
  };
  // The first page moves on as news comes; what the older pages hold already is shown once.
  const lines = (items: StatementLine[]) => {
    const older = more?.lines ?? [];
    const begin = older[0]?.sequence ?? -1;
    return [...items.filter((line) => line.sequence > begin), ...older];
  };
  return (
    <Card title="Statement" id="statement">
      <Load of={first}>
        {(page) => (
          <>
            <Table
              caption="Statement, newest first"
              rows={lines(page.items)}
              rowKey={(line) => String(line.sequence)}
              empty="No money has moved yet."
              columns={[
                { head: "When", cell: (line) => <When at={line.at} zone={zone} /> },
                {
                  head: "What",
                  cell: (line) => (
                    <>
                      {MEANINGS[line.what] ?? words(line.what)}{" "}
                      {line.reversal && <Badge tone="warn">Taken back</Badge>}
                    </>
                  ),
                },
                {
                  head: "Trade",
                  cell: (line) =>
                    line.trade ? <Hash value={line.trade} href={`/explorer/trade/${line.trade}`} /> : "–",
                },
                { head: "Change ($)", numeric: true, cell: (line) => <Change amount={line.change} /> },
                { head: "Postings", cell: (line) => <Postings line={line} /> },
              ]}
            />
            {next && (
              <div className="pager">
                <button type="button" className="quiet" onClick={older}>
                  Show older
                </button>
              </div>
            )}
          </>
        )}
      </Load>
    </Card>
  );
}

/** All changes have as many decimals, so that their points stand in one line. */
const CHANGE_DECIMALS = 5;

function Change({ amount }: { amount: string }) {
  const negative = amount.startsWith("-");
  const none = readDecimal(amount, MONEY_SCALE) === 0n;
  return (
    <span className={none ? "muted" : negative ? "out" : "in"}>
      {!negative && !none && "+"}
      {formatDecimal(readDecimal(amount, MONEY_SCALE), MONEY_SCALE, CHANGE_DECIMALS, CHANGE_DECIMALS)}
    </span>
  );
}

/** Accounts of the chart by their numbers, as the owner knows them. */
const ACCOUNTS: Record<string, string> = {
  "1000": "bank", "1200": "owed by you", "2000": "free", "2005": "locked", "2010": "escrow", "2020": "collateral",
  "2040": "tokens", "2050": "to be paid out", "2100": "network", "2120": "retailer", "2130": "imbalance",
  "2150": "pot, rounding", "4000": "platform", "9000": "suspense",
};

function Postings({ line }: { line: StatementLine }) {
  const name = (account: string) => ACCOUNTS[account.slice(0, 4)] ?? account;
  return (
    <details className="postings">
      <summary>{line.transfers.length === 1 ? "1 posting" : `${line.transfers.length} postings`}</summary>
      <ul>
        {line.transfers.map((transfer) => (
          <li key={`${transfer.debit} ${transfer.credit} ${transfer.amount}`}>
            <span title={transfer.debit}>{name(transfer.debit)}</span> →{" "}
            <span title={transfer.credit}>{name(transfer.credit)}</span> ${money(transfer.amount, 9)}
          </li>
        ))}
      </ul>
    </details>
  );
}
