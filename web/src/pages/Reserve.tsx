import type { ReactNode } from "react";
import * as api from "../api";
import { column, count, MONEY_SCALE, readDecimal, utc } from "../format";
import { useLoad } from "../live";
import { Link } from "../route";
import { command, unitOf, verdict } from "../reserve";
import type { CurrencyReserve, Reserve, ReserveCall } from "../types";
import { Badge, Card, Facts, Hash, Load, Notice, Page, Table, useCopy } from "../ui";

/** For everyone, also without an account. It reads once: a block that changes could not be copied. */
export function ReservePage() {
  const reserve = useLoad("reserve", api.reserve);
  return (
    <Page
      name="reserve"
      title="Proof of reserve"
      lead="A token stands for money that was paid in. These are all the tokens, what stands behind them and what is owed in them, as of one block."
    >
      <Load of={reserve}>
        {(data) => (
          <>
            {data.reserves.map((one, place) => (
              <Figures key={one.token} reserve={one} id={place ? `-${place + 1}` : ""} />
            ))}
            <Moment reserve={data} reload={reserve.reload} />
            <Check reserve={data} />
            <Limits />
          </>
        )}
      </Load>
    </Page>
  );
}

/** `id` tells its cards from those of the other currencies. */
function Figures({ reserve, id }: { reserve: CurrencyReserve; id: string }) {
  const unit = unitOf(reserve);
  const said = verdict(reserve);
  const parts = reserve.owed_parts;
  const figures: Row[] = [
    ["Bank account", "Journal, account 1000: the operator's statement", reserve.bank],
    ["All tokens", "Chain: the token's total supply", reserve.supply],
    ["Held by the market contract", "Chain: its balance of tokens", reserve.market_holds],
    ["Owed to everybody", "Journal: the sum of what is owed", reserve.owed],
  ];
  const owed: [string, string][] = [
    ["Wallets, requested withdrawals included", parts.wallets],
    ["Proceeds that may still be challenged", parts.locked],
    ["Escrow of buyers", parts.escrow],
    ["Collateral of sellers", parts.collateral],
    ["Network fees", parts.network_fees],
    ["Platform fees", parts.platform_fees],
    ["Community pot and imbalance", parts.balancing],
    ["Suspense: what nobody can explain", parts.suspense],
    ["Tokens outside of the market contract", parts.tokens],
    ["Payouts that the bank has not made yet", parts.payouts],
  ];
  return (
    <>
      <Notice tone={said.holds ? "good" : "bad"}>
        <p className="strong">{said.text}</p>
        {said.reasons.map((reason) => (
          <p key={reason}>{reason}</p>
        ))}
      </Notice>
      {!reserve.currency && (
        <Notice tone="warn">
          Nobody has said which currency a token stands for, or the communities of this chain differ.
        </Notice>
      )}
      <div className="columns">
        <Card title={`Figures (${unit})`} id={`reserve-figures${id}`} className="amounts">
          <Amounts caption={`What the journal and the chain say of ${unit}`} unit={unit} rows={figures} />
        </Card>
        <Card title={`What is owed (${unit})`} id={`reserve-owed${id}`} className="amounts">
          <Amounts
            caption={`What is owed to everybody in ${unit}`}
            unit={unit}
            rows={owed.map(([name, amount]): Row => [name, "", amount])}
            total={reserve.owed}
          />
        </Card>
      </div>
    </>
  );
}

/** Name, where it comes from, amount. */
type Row = [string, string, string];
const SUM = "All of it";

/** Amounts to the last digit, one under the other. */
function Amounts(props: { caption: string; unit: string; rows: Row[]; total?: string }) {
  const rows: Row[] = props.total === undefined ? props.rows : [...props.rows, [SUM, "", props.total]];
  const write = column(rows.map(([, , amount]) => readDecimal(amount, MONEY_SCALE)), MONEY_SCALE, 2, MONEY_SCALE);
  return (
    <Table
      caption={props.caption}
      columns={[
        {
          head: "What",
          cell: ([name, source]) => (
            <>
              {name}
              {source && <span className="stat-note">{source}</span>}
            </>
          ),
        },
        {
          head: `Amount (${props.unit})`,
          numeric: true,
          cell: ([, , amount]) => write(readDecimal(amount, MONEY_SCALE)),
        },
      ]}
      rows={rows}
      rowKey={([name]) => name}
      rowClass={([name]) => (name === SUM ? "sum" : undefined)}
      empty="There are no figures."
    />
  );
}

function Moment({ reserve, reload }: { reserve: Reserve; reload: () => void }) {
  const { block, chain_id, journal } = reserve;
  const checked = journal.checked;
  const state: ReactNode = checked ? (
    <>
      {utc(checked.at)}, {count(checked.entries)} entries{" "}
      <Badge tone={checked.violations ? "bad" : "good"}>
        {checked.violations ? "Not in order" : "In order"}
      </Badge>
    </>
  ) : (
    "Not yet"
  );
  return (
    <Card
      title="As of one block"
      id="reserve-block"
      aside={
        <button type="button" className="quiet small" onClick={reload}>
          Read again
        </button>
      }
    >
      <Facts
        items={[
          ["Block", <Link key="b" href={`/explorer/block/${block.number}`}>{count(block.number)}</Link>],
          ["Hash", <Hash key="h" value={block.hash} href={`/explorer/block/${block.hash}`} full />],
          ["Chain", count(chain_id)],
          ["Journal", `${count(journal.entries)} entries`],
          ["Newest entry", <Hash key="e" value={journal.head} full />],
          ["Journal last checked", state],
        ]}
      />
    </Card>
  );
}

function Check({ reserve: { block, reserves } }: { reserve: Reserve }) {
  const node = `${location.origin}/rpc`;
  return (
    <Card title="Check it yourself" id="reserve-check" className="check">
      <p>
        Two figures are the chain's own. Ask it on your own computer with <code>cast</code> of Foundry, through our
        node or, better, through one that you trust. Both calls name the block by its hash, so both get the state
        that is shown here.
      </p>
      {reserves.flatMap((reserve) =>
        reserve.calls.map((call) => (
          <Command key={call.to + call.data} call={call} unit={unitOf(reserve)} text={command(call, block.hash, node)} />
        )),
      )}
      <p>
        Programs find the same at <a href="/v1/reserve">/v1/reserve</a>.
      </p>
    </Card>
  );
}

function Command({ call, unit, text }: { call: ReserveCall; unit: string; text: string }) {
  const [copied, copy] = useCopy();
  const what = call.arguments.length ? "What the market contract holds" : "All tokens";
  return (
    <>
      <h3>{what}</h3>
      <p className="command">
        <code>{text}</code>
        <button type="button" className="quiet small" onClick={() => copy(text)}>
          {copied ? "Copied" : "Copy"}
          <span className="sr-only"> the command: {what}</span>
        </button>
        <span className="sr-only" role="status">
          {copied ? "Copied" : ""}
        </span>
      </p>
      <p className="hint">
        It answers <code>{call.answer}</code>, in 1e-9 {unit}.
      </p>
    </>
  );
}

function Limits() {
  return (
    <Card title="What this does not show" id="reserve-limits" className="check">
      <p>
        <strong>The money in the bank.</strong> The bank account's figure is the operator's statement: payments as they
        were imported from bank statements or entered by hand. The chain cannot see a bank. Only an auditor who looks
        at the account can say that the money is there.
      </p>
      <p>
        <strong>That your own money is among the debts.</strong> A sum does not name its parts. Your wallet shows yours,
        and the market contract has it under your address.
      </p>
      <p>
        <strong>Who has the tokens outside of the market contract.</strong> Whoever withdraws gets tokens, and they are
        owed to whoever has them until they are redeemed and paid out. Tokens that their owner destroys without asking
        for the money stay among the debts.
      </p>
      <p>
        <strong>Invoices.</strong> What is still to be paid by an invoice is not a token, and is not counted.
      </p>
    </Card>
  );
}
