import { type FormEvent, useState } from "react";
import { readRecipient } from "../../address";
import * as api from "../../api";
import { MONEY_SCALE, money, moment, parseDecimal, plainDecimal, readDecimal, utc } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES, checkPrepared, recipientError, transferError } from "../../request";
import { timestamp } from "../../slots";
import type {
  Account, AccountRequest, Approval, PreparedRequest, TransferTerms, TransferWish,
} from "../../types";
import { Badge, Card, Field, Hash, Load, Notice, Table } from "../../ui";
import { useUser } from "../../user";
import { Review, WAITS_FOR_CONSENT } from "./Review";

type Transfer = AccountRequest & { terms: TransferTerms };

const isTransfer = (request: AccountRequest): request is Transfer => request.terms.kind === "transfer";

const amountOf = ({ terms }: Transfer) => readDecimal(terms.amount, MONEY_SCALE);

/** Money for other accounts of the community, and what became of it. `free` is what orders do not hold. */
export function Transfers({ free, zone }: { free: bigint | undefined; zone: string | undefined }) {
  const { account } = useUser();
  const id = account?.account;
  const own = async () => {
    const page = await api.requests(id ? { account: id, kind: "transfer" } : { kind: "transfer" });
    return page.items.filter(isTransfer);
  };
  const transfers = useLoad("own transfers", own, ["block", "block_removed"]);
  if (!account) return null;
  // What is on its way is not in a block yet, and cannot be given twice.
  const sent = (transfers.data ?? []).filter(({ state }) => state === "sent");
  const rest = free === undefined ? undefined : sent.reduce((sum, one) => sum - amountOf(one), free);
  const left = rest !== undefined && rest < 0n ? 0n : rest;
  return (
    <>
      <SendMoney account={account} left={left} zone={zone} onSent={transfers.reload} />
      <Card title="Money sent" id="transfers">
        <Load of={transfers}>
          {(items) => (
            <Table
              caption="Money sent to other accounts, newest first"
              rows={items}
              rowKey={(transfer) => transfer.id}
              empty="No money was sent yet."
              columns={[
                {
                  head: "When",
                  cell: ({ at }) => (
                    <time dateTime={at} title={utc(at)}>
                      {moment(at, zone)}
                    </time>
                  ),
                },
                { head: "Amount ($)", numeric: true, cell: ({ terms }) => money(terms.amount, MONEY_SCALE) },
                {
                  head: "To",
                  cell: ({ terms }) => (
                    <Hash value={terms.to} href={`/explorer/address/${terms.to.toLowerCase()}`} />
                  ),
                },
                { head: "State", cell: (transfer) => <State transfer={transfer} /> },
              ]}
            />
          )}
        </Load>
      </Card>
    </>
  );
}

/** Where a transfer is, and why it goes no further. */
function State({ transfer: { state, reason } }: { transfer: Transfer }) {
  const [text, tone] = REQUEST_STATES[state];
  return (
    <>
      <Badge tone={tone}>{text}</Badge>
      {reason && <span className="muted"> {reason}</span>}
    </>
  );
}

interface SendProps {
  account: Account;
  left: bigint | undefined;
  zone: string | undefined;
  onSent: () => void;
}

function SendMoney({ account, left, zone, onSent }: SendProps) {
  const [to, setTo] = useState("");
  const [amountText, setAmount] = useState("");
  const [tried, setTried] = useState(false);
  const [prepared, setPrepared] = useState<PreparedRequest>();
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<string | Error>();
  const amount = parseDecimal(amountText, MONEY_SCALE);
  const problems = { to: recipientError(to, account), amount: transferError(amount, left) };

  const prepare = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    setOutcome(undefined);
    const recipient = readRecipient(to);
    if (problems.to || problems.amount || !recipient || amount === null) return;
    setBusy(true);
    try {
      const wish: TransferWish = { kind: "transfer", to: recipient, amount: plainDecimal(amount, MONEY_SCALE) };
      setPrepared(checkPrepared(await api.prepareRequest(wish), wish, account.address));
    } catch (problem) {
      setOutcome(problem as Error);
    } finally {
      setBusy(false);
    }
  };
  const done = (sent: AccountRequest | Approval) => {
    const waits = "approval" in sent;
    setOutcome(waits ? WAITS_FOR_CONSENT : "The money is on its way. The table below follows it.");
    setPrepared(undefined);
    setAmount("");
    setTo("");
    setTried(false);
    onSent();
  };

  return (
    <Card title="Send money" id="send-money">
      {prepared ? (
        <TransferReview
          prepared={prepared}
          entered={to.trim()}
          left={left}
          zone={zone}
          onDone={done}
          onBack={() => setPrepared(undefined)}
        />
      ) : (
        <>
          <p className="hint">
            Free money goes to another account of the community. Others send to yours at its address:{" "}
            <Hash value={account.address} full />
          </p>
          <form className="form wide" onSubmit={prepare} noValidate>
            <Field
              label="To"
              hint="An address (0x…) or an account's id. Whoever gets it finds theirs on this page."
              error={tried ? problems.to : undefined}
            >
              {(attributes) => (
                <input
                  {...attributes}
                  required
                  maxLength={80}
                  autoComplete="off"
                  spellCheck={false}
                  placeholder="0x…"
                  value={to}
                  onChange={(event) => setTo(event.target.value)}
                />
              )}
            </Field>
            <Field
              label="How much ($)"
              hint={left === undefined ? undefined : `At most $${money(left, MONEY_SCALE)}.`}
              error={tried ? problems.amount : undefined}
            >
              {(attributes) => (
                <input
                  {...attributes}
                  required
                  inputMode="decimal"
                  autoComplete="off"
                  placeholder="12.50"
                  value={amountText}
                  onChange={(event) => setAmount(event.target.value)}
                />
              )}
            </Field>
            <button type="submit" disabled={busy}>
              Review
            </button>
          </form>
        </>
      )}
      {outcome instanceof Error && <Notice tone="bad">{outcome.message}</Notice>}
      {typeof outcome === "string" && <Notice tone="good">{outcome}</Notice>}
    </Card>
  );
}

function TransferReview(props: {
  prepared: PreparedRequest;
  entered: string;
  left: bigint | undefined;
  zone: string | undefined;
  onDone: (sent: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared, entered, left, zone } = props;
  const { terms } = prepared;
  if (terms.kind !== "transfer") return null;
  const amount = readDecimal(terms.amount, MONEY_SCALE);
  const byId = !entered.toLowerCase().startsWith("0x");
  return (
    <Review
      prepared={prepared}
      action="Sign and send"
      onDone={props.onDone}
      onBack={props.onBack}
      facts={[
        ["Amount", `$${money(amount, MONEY_SCALE)}`],
        ["To", <Hash key="t" value={terms.to} href={`/explorer/address/${terms.to.toLowerCase()}`} full />],
        ...(byId ? [["Account", entered] satisfies [string, string]] : []),
        ...(left === undefined
          ? []
          : [["Left free", `$${money(left - amount, MONEY_SCALE)}`] satisfies [string, string]]),
        ["Can be sent until", moment(timestamp(terms.expiry * 1000), zone)],
        ["One-time number", <Hash key="n" value={terms.nonce} />],
      ]}
    >
      <p>Nobody can take it back once it is in a block.</p>
    </Review>
  );
}
