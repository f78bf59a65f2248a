import { type FormEvent, useState } from "react";
import { readRecipient } from "../../address";
import * as api from "../../api";
import { AmountField } from "../../fields";
import { MONEY_SCALE, money, parseDecimal, plainDecimal, readDecimal } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES, recipientError, transferError } from "../../request";
import { SigningFlow, onceFacts, prepareRequest, recipientFacts, saidOf, useSigning } from "../../signing";
import type { Account, AccountRequest, Approval, PreparedRequest, TransferTerms } from "../../types";
import { Address, Card, Hash, Load, Standing, Table, When } from "../../ui";
import { useUser } from "../../user";
import { RecipientField } from "./RecipientField";
import { Review } from "./Review";

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
                { head: "When", cell: ({ at }) => <When at={at} zone={zone} /> },
                { head: "Amount ($)", numeric: true, cell: ({ terms }) => money(terms.amount, MONEY_SCALE) },
                { head: "To", cell: ({ terms }) => <Address value={terms.to} /> },
                { head: "State", cell: ({ state, reason }) => <Standing of={REQUEST_STATES[state]} reason={reason} /> },
              ]}
            />
          )}
        </Load>
      </Card>
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
  const signing = useSigning<PreparedRequest>(() => {
    setAmount("");
    setTo("");
    setTried(false);
    onSent();
  });
  const amount = parseDecimal(amountText, MONEY_SCALE);
  const problems = { to: recipientError(to, account), amount: transferError(amount, left) };

  const prepare = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    const recipient = readRecipient(to);
    if (problems.to || problems.amount || !recipient || amount === null) return;
    const wish = { kind: "transfer" as const, to: recipient, amount: plainDecimal(amount, MONEY_SCALE) };
    void signing.prepare(() => prepareRequest(account, wish));
  };
  return (
    <Card title="Send money" id="send-money">
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <TransferReview
            prepared={prepared}
            entered={to.trim()}
            left={left}
            zone={zone}
            onDone={(sent) => signing.done(saidOf(sent, "The money is on its way. The table below follows it."))}
            onBack={signing.back}
          />
        )}
      >
        <p className="hint">
          Free money goes to another account of the community. Others send to yours at its address:{" "}
          <Hash value={account.address} full />
        </p>
        <form className="form wide" onSubmit={prepare} noValidate>
          <RecipientField
            hint="An address (0x…) or an account's id. Whoever gets it finds theirs on this page."
            error={tried ? problems.to : undefined}
            value={to}
            onChange={setTo}
          />
          <AmountField
            label="How much ($)"
            hint={left === undefined ? undefined : `At most $${money(left, MONEY_SCALE)}.`}
            error={tried ? problems.amount : undefined}
            required
            placeholder="12.50"
            value={amountText}
            onChange={setAmount}
          />
          <button type="submit" disabled={signing.busy}>
            Review
          </button>
        </form>
      </SigningFlow>
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
  return (
    <Review
      prepared={prepared}
      action="Sign and send"
      onDone={props.onDone}
      onBack={props.onBack}
      facts={[
        ["Amount", `$${money(amount, MONEY_SCALE)}`],
        ...recipientFacts(terms.to, entered),
        ...(left === undefined
          ? []
          : [["Left free", `$${money(left - amount, MONEY_SCALE)}`] satisfies [string, string]]),
        ...onceFacts(terms, zone),
      ]}
    >
      <p>Nobody can take it back once it is in a block.</p>
    </Review>
  );
}
