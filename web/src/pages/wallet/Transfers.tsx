import { useState } from "react";
import { readRecipient, sameAddress } from "../../address";
import * as api from "../../api";
import { type Unit, amountIn, labelOf, namedIn } from "../../currency";
import { AmountField, Form } from "../../fields";
import { MONEY_SCALE, money, parseDecimal, plainDecimal, readDecimal } from "../../format";
import { useLoad } from "../../live";
import { REQUEST_STATES, recipientError, transferError } from "../../request";
import { SigningFlow, onceFacts, prepareRequest, recipientFacts, saidOf, useSigning } from "../../signing";
import type {
  Account, AccountRequest, Approval, CurrencyTransferTerms, PreparedRequest, TransferTerms, TransferWish,
} from "../../types";
import { Address, Card, Hash, Load, Standing, Table, When } from "../../ui";
import { useUser } from "../../user";
import { RecipientField } from "./RecipientField";
import { Review } from "./Review";

type Transfer = AccountRequest & { terms: TransferTerms | CurrencyTransferTerms };

/** Whether a request is a transfer in this currency. */
function isOf(request: AccountRequest, unit: Unit): request is Transfer {
  const { terms } = request;
  if (terms.kind === "currency_transfer") return !unit.traded && sameAddress(terms.market, unit.market);
  return terms.kind === "transfer" && unit.traded;
}

const amountOf = ({ terms }: Transfer) => readDecimal(terms.amount, MONEY_SCALE);

/** Money of a currency for other accounts of the community, and what became of it. `free` is what orders do not
 * hold. */
export function Transfers(props: { unit: Unit; free: bigint | undefined; zone: string | undefined }) {
  const { unit, free, zone } = props;
  const { account } = useUser();
  const id = account?.account;
  const own = async () => {
    const items = id ? await api.requestsOf(id, unit.traded ? "transfer" : "currency_transfer") : [];
    return items.filter((request): request is Transfer => isOf(request, unit));
  };
  const transfers = useLoad(`own transfers ${unit.code}`, own, ["block", "block_removed"]);
  if (!account) return null;
  // What is on its way is not in a block yet, and cannot be given twice.
  const sent = (transfers.data ?? []).filter(({ state }) => state === "sent");
  const rest = free === undefined ? undefined : sent.reduce((sum, one) => sum - amountOf(one), free);
  const left = rest !== undefined && rest < 0n ? 0n : rest;
  return (
    <>
      <SendMoney account={account} unit={unit} left={left} zone={zone} onSent={transfers.reload} />
      <Card title="Money sent" id="transfers">
        <Load of={transfers}>
          {(items) => (
            <Table
              caption="Money sent to other accounts, newest first"
              rows={items}
              rowKey={(transfer) => transfer.id}
              empty="No money was sent yet. The form above sends some."
              columns={[
                { head: "When", cell: ({ at }) => <When at={at} zone={zone} /> },
                {
                  head: `Amount (${labelOf(unit)})`,
                  numeric: true,
                  cell: ({ terms }) => money(terms.amount, MONEY_SCALE),
                },
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
  unit: Unit;
  left: bigint | undefined;
  zone: string | undefined;
  onSent: () => void;
}

function SendMoney({ account, unit, left, zone, onSent }: SendProps) {
  const write = (amount: bigint) => amountIn(unit, amount, MONEY_SCALE);
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
  const problems = { to: recipientError(to, account), amount: transferError(amount, left, write) };

  const prepare = () => {
    setTried(true);
    const recipient = readRecipient(to);
    if (problems.to || problems.amount || !recipient || amount === null) return;
    const wish: TransferWish = {
      kind: "transfer", to: recipient, amount: plainDecimal(amount, MONEY_SCALE), ...namedIn(unit),
    };
    void signing.prepare(() => prepareRequest(account, wish, unit.market));
  };
  return (
    <Card title="Send money" id="send-money">
      <SigningFlow
        of={signing}
        review={(prepared) => (
          <TransferReview
            prepared={prepared}
            unit={unit}
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
        <Form wide onSubmit={prepare}>
          <RecipientField
            hint="An address (0x…) or an account's id. Whoever gets it finds theirs on this page."
            error={tried ? problems.to : undefined}
            value={to}
            onChange={setTo}
          />
          <AmountField
            label={`How much (${labelOf(unit)})`}
            hint={left === undefined ? undefined : `At most ${write(left)}.`}
            error={tried ? problems.amount : undefined}
            required
            placeholder="12.50"
            value={amountText}
            onChange={setAmount}
          />
          <button type="submit" disabled={signing.busy}>
            Review
          </button>
        </Form>
      </SigningFlow>
    </Card>
  );
}

function TransferReview(props: {
  prepared: PreparedRequest;
  unit: Unit;
  entered: string;
  left: bigint | undefined;
  zone: string | undefined;
  onDone: (sent: AccountRequest | Approval) => void;
  onBack: () => void;
}) {
  const { prepared, unit, entered, left, zone } = props;
  const { terms } = prepared;
  if (terms.kind !== "transfer" && terms.kind !== "currency_transfer") return null;
  const amount = readDecimal(terms.amount, MONEY_SCALE);
  return (
    <Review
      prepared={prepared}
      action="Sign and send"
      onDone={props.onDone}
      onBack={props.onBack}
      facts={[
        ["Amount", amountIn(unit, amount, MONEY_SCALE)],
        ...recipientFacts(terms.to, entered),
        ...(left === undefined
          ? []
          : [["Left free", amountIn(unit, left - amount, MONEY_SCALE)] satisfies [string, string]]),
        ...onceFacts(terms, zone),
      ]}
    >
      <p>Nobody can take it back once it is in a block.</p>
    </Review>
  );
}
