import { useState } from "react";
import * as api from "../api";
import { type Unit, amountIn, balanceOf, labelOf, namedIn } from "../currency";
import { MONEY_SCALE, formatDecimal, money, readDecimal } from "../format";
import { useLoad } from "../live";
import { Link } from "../route";
import type { Balance, Market, StatementLine } from "../types";
import { Address, Badge, Card, Facts, Hash, Load, Notice, Page, Stat, Stats, Table, When } from "../ui";
import { useUnits } from "../units";
import { useUser } from "../user";
import { words } from "./Market";
import { Addresses } from "./wallet/Addresses";
import { ExchangeCards } from "./wallet/Exchange";
import { ExportKey } from "./wallet/ExportKey";
import { PayIn } from "./wallet/PayIn";
import { Outside, PayOut } from "./wallet/PayOut";
import { Payouts } from "./wallet/Payouts";
import { PrepaidCard } from "./wallet/Prepaid";
import { Signer } from "./wallet/Signer";
import { Transfers } from "./wallet/Transfers";
import { WalletTabs } from "./wallet/WalletTabs";

/** What somebody has, a page for each currency: the first at /wallet, the others at /wallet and their code. */
export function WalletPage({ path }: { path: string }) {
  const code = (path.split(/[/?]/)[2] ?? "").toUpperCase();
  return (
    <Page name="wallet" title="Wallet" lead="Where your money is, as the contract on the chain says.">
      {useUser().account ? (
        <Contents code={code} />
      ) : (
        <Notice tone="info">You do not trade here, so you have no wallet.</Notice>
      )}
    </Page>
  );
}

function Contents({ code }: { code: string }) {
  const units = useUnits();
  return (
    <Load of={units}>
      {(all) => {
        const unit = code ? all.find((one) => one.code === code) : all[0];
        return (
          <>
            <WalletTabs units={all} at={unit} />
            {unit ? (
              <Money key={unit.code} unit={unit} units={all} />
            ) : (
              <Notice tone="warn">
                No money of that name is kept here. <Link href="/wallet">Go to your wallet</Link>
              </Notice>
            )}
          </>
        );
      }}
    </Load>
  );
}

/** All that can be done with the money of a currency. */
function Money({ unit, units }: { unit: Unit; units: Unit[] }) {
  const wallet = useLoad("wallet", api.wallet, ["block"]);
  const market = useLoad("market", api.market, ["block"]);
  const zone = market.data?.timezone;
  const balances = wallet.data?.balances ?? [];
  const balance = balanceOf(balances, unit) ?? (unit.traded ? wallet.data : undefined);
  const held = unit.traded && market.data?.cash ? read(market.data.cash.held) : 0n;
  return (
    <>
      <Load of={wallet}>
        {() =>
          balance ? (
            <Balances unit={unit} balance={balance} held={held} market={market.data} />
          ) : (
            <Notice tone="info">Nothing is known of your {unit.code} yet.</Notice>
          )
        }
      </Load>
      {wallet.data && units.length > 1 && <Further units={units.filter((one) => one !== unit)} balances={balances} />}
      {unit.traded && <PrepaidCard unit={unit} />}
      <PayIn unit={unit} reference={wallet.data?.reference} />
      <Outside unit={unit} at={balance?.outside_at ?? []} />
      <PayOut unit={unit} free={balance?.free} />
      <Payouts unit={unit} zone={zone} />
      <Transfers unit={unit} free={balance && freeOf(balance, held)} zone={zone} />
      {wallet.data && units.length > 1 && <ExchangeCards balances={balances} from={unit.code} zone={zone} />}
      {unit.traded && <Key />}
      {unit.traded && market.data && <Addresses market={market.data} />}
      <Statement unit={unit} zone={zone} />
      {unit.traded && <HeldKey />}
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
function freeOf({ free }: Balance, held: bigint): bigint {
  return read(free) > held ? read(free) - held : 0n;
}

function Balances(props: { unit: Unit; balance: Balance; held: bigint; market: Market | undefined }) {
  const { unit, balance, held, market } = props;
  const use = unit.traded ? "To trade with or to withdraw" : "To send, to exchange or to be paid out";
  const free: Part = ["Free", freeOf(balance, held), use, "free"];
  const trading: Part[] = [
    ["Held", held, "Reserved for open orders", "held"],
    ["In escrow", read(balance.escrow), "For energy you bought, until it is delivered", "escrow"],
    ["Collateral", read(balance.collateral), "Behind energy you sold", "collateral"],
    ["Locked", read(balance.locked), lockedFor(market), "locked"],
  ];
  // Only one currency has trades.
  const parts = [free, ...trading.filter(([, value]) => unit.traded || value > 0n)];
  const total = parts.reduce((sum, [, value]) => sum + (value > 0n ? value : 0n), 0n);
  return (
    <Card className="balance" title="Balance" aside={<b className="total">{amountIn(unit, balance.total)}</b>}>
      {total > 0n && (
        <div className="stackbar" aria-hidden="true">
          {parts.filter(([, value]) => value > 0n).map(([name, value, , kind]) => (
            <i key={name} className={kind} style={{ flexGrow: Number((value * 1000n) / total) }} />
          ))}
        </div>
      )}
      <Stats>
        {parts.map(([name, value, note, kind]) => (
          <Stat key={name} label={name} kind={kind} value={amountIn(unit, value)} note={note} />
        ))}
      </Stats>
    </Card>
  );
}

/** Name, how much, what it is for, and the colour in the bar. */
type Part = [string, bigint, string, string];

/** What the account has of the other currencies, each on a page of its own. */
function Further({ units, balances }: { units: Unit[]; balances: Balance[] }) {
  return (
    <Card title="Other currencies" id="currencies">
      <Stats>
        {units.map((unit) => {
          const total = balanceOf(balances, unit)?.total;
          return (
            <Stat
              key={unit.code}
              label={unit.code}
              value={total === undefined ? "–" : money(total, 2)}
              unit={unit.code}
              note={<Link href={unit.traded ? "/wallet" : `/wallet/${unit.code}`}>Send, pay in or out, statement</Link>}
            />
          );
        })}
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

function Statement({ unit, zone }: { unit: Unit; zone: string | undefined }) {
  const { currency } = namedIn(unit);
  const first = useLoad(`statement ${unit.code}`, () => api.statement(currency), ["block"]);
  const [more, setMore] = useState<{ lines: StatementLine[]; next?: string }>();
  const next = more ? more.next : first.data?.next;
  const older = async () => {
    const page = await api.statement(currency, next);
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
              empty="No money has moved yet. Pay some in to begin: see above."
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
                {
                  head: `Change (${labelOf(unit)})`,
                  numeric: true,
                  cell: (line) => <Change amount={line.change} />,
                },
                { head: "Postings", cell: (line) => <Postings unit={unit} line={line} /> },
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

function Postings({ unit, line }: { unit: Unit; line: StatementLine }) {
  const name = (account: string) => ACCOUNTS[account.slice(0, 4)] ?? account;
  return (
    <details className="postings">
      <summary>{line.transfers.length === 1 ? "1 posting" : `${line.transfers.length} postings`}</summary>
      <ul>
        {line.transfers.map((transfer) => (
          <li key={`${transfer.debit} ${transfer.credit} ${transfer.amount}`}>
            <span title={transfer.debit}>{name(transfer.debit)}</span> →{" "}
            <span title={transfer.credit}>{name(transfer.credit)}</span> {amountIn(unit, transfer.amount, MONEY_SCALE)}
          </li>
        ))}
      </ul>
    </details>
  );
}
