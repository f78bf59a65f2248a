import { isCorrected } from "../../correction";
import { actionText, giroCode, standingOf, transferAmount } from "../../dues";
import { MONEY_SCALE, money, readDecimal, utc } from "../../format";
import type { Loaded } from "../../live";
import { spaced } from "../../payout";
import { qrCode, qrPath } from "../../qr";
import type { Invoice, InvoicePayment } from "../../types";
import { Badge, Card, Copyable, Facts, Load, Notice, Stat, Stats, Table } from "../../ui";
import { WalletPay } from "./WalletPay";

/** What a bill leaves to be paid, how to pay it, and what came in. */
export function Payment({ invoice, payment }: { invoice: Invoice; payment: Loaded<InvoicePayment> }) {
  return (
    <Card title={`Payment of ${invoice.number}`} id="payment">
      <Load of={payment}>
        {(known) => <Contents invoice={invoice} payment={known} reload={payment.reload} />}
      </Load>
    </Card>
  );
}

function Contents(props: { invoice: Invoice; payment: InvoicePayment; reload: () => void }) {
  const { invoice, payment, reload } = props;
  const { currency, payments, reminders, charges, next } = payment;
  const [standing, tone] = standingOf(payment);
  const left = readDecimal(payment.left, MONEY_SCALE);
  const credit = readDecimal(payment.credit, MONEY_SCALE);
  const due = readDecimal(payment.due, MONEY_SCALE);
  const amount = (of: string | bigint) => `${money(of, 2)} ${currency}`;
  return (
    <>
      <Stats>
        {credit > 0n ? (
          <Stat label="You get back" value={money(credit, 2)} unit={currency} />
        ) : (
          <Stat label="Left to pay" value={money(left, 2)} unit={currency} note={`of ${amount(payment.due)}`} />
        )}
        {due > 0n && <Stat label="To be paid by" value={payment.due_on} />}
        {isCorrected(payment) && <Stat label="Corrected by" value={money(payment.corrected, 2)} unit={currency} />}
        <Stat label="State" value={<Badge tone={tone}>{standing}</Badge>} />
      </Stats>
      {payment.disputed && (
        <Notice tone="info">
          A dispute about this bill is open{left > 0n && ": you are not reminded of it while it lasts"}.
        </Notice>
      )}
      {left > 0n && <HowToPay payment={payment} />}
      {left > 0n && payment.by_wallet && <WalletPay invoice={invoice} payment={payment} onPaid={reload} />}
      {(payments.length > 0 || due > 0n) && (
        <>
          <h3 className="section">What came in</h3>
          <Table
            caption="Payments that came in for this bill, oldest first"
            rows={payments}
            rowKey={(one) => String(payments.indexOf(one))}
            empty="Nothing came in yet. A transfer is here a day or two after your bank has sent it."
            columns={[
              { head: "Booked", cell: (one) => one.booked_on ?? "–" },
              { head: "Known since", cell: (one) => utc(one.at) },
              { head: "By", cell: (one) => (one.by === "wallet" ? "Wallet" : "Bank") },
              { head: "Amount", numeric: true, cell: (one) => amount(one.amount) },
            ]}
          />
        </>
      )}
      {left > 0n && next && (
        <p className="hint">
          If nothing comes in, on {next.on}: {actionText(next.action)}
          {readDecimal(next.fee, MONEY_SCALE) > 0n && ` (${amount(next.fee)})`}. Your supply is not cut.
        </p>
      )}
      {charges.length > 0 && (
        <>
          <h3 className="section">Fees of reminders</h3>
          <Table
            caption="Fees of reminders of this bill, oldest first; you can dispute them"
            rows={charges}
            rowKey={(one) => `${one.step} ${one.amount}`}
            empty={null}
            columns={[
              { head: "Step", cell: (one) => `Step ${one.step}` },
              { head: "When", cell: (one) => utc(one.at) },
              { head: "What", cell: (one) => (one.amount.startsWith("-") ? "Taken back" : "Added") },
              { head: "Amount", numeric: true, cell: (one) => amount(one.amount) },
            ]}
          />
        </>
      )}
      {reminders.length > 0 && (
        <>
          <h3 className="section">Reminders</h3>
          <Table
            caption="What followed because this bill was not paid, oldest first"
            rows={reminders}
            rowKey={(one) => String(one.step)}
            empty={null}
            columns={[
              { head: "Step", cell: (one) => `${one.step}: ${actionText(one.action)}` },
              { head: "When", cell: (one) => utc(one.at) },
              { head: "Left to pay then", numeric: true, cell: (one) => amount(one.left) },
            ]}
          />
        </>
      )}
    </>
  );
}

function HowToPay({ payment }: { payment: InvoicePayment }) {
  const { currency, holder, iban, reference } = payment;
  if (!iban || !holder) return <Notice tone="info">The community has not said yet where to pay to.</Notice>;
  const amount = transferAmount(payment.left);
  const facts: [string, string, string][] = [
    ["To", holder, holder],
    ["IBAN", iban, spaced(iban)],
    ["Amount", amount, `${money(payment.left, 2)} ${currency}`],
    ["Reference", reference, spaced(reference)],
  ];
  return (
    <>
      <p className="hint">Transfer it from your bank. The reference says which bill it is for: write it as it is.</p>
      <div className="pay">
        <Facts
          items={facts.map(([name, value, shown]) => [
            name,
            <Copyable key={name} value={value} name={`${name}: ${shown}`}>
              {shown}
            </Copyable>,
          ])}
        />
        <GiroCode payment={payment} />
      </div>
    </>
  );
}

/** Light modules that a reader needs around a code. */
const QUIET = 4;

/** The transfer as a code that banking apps read. */
function GiroCode({ payment }: { payment: InvoicePayment }) {
  const text = giroCode(payment);
  const code = text && qrCode(text);
  if (!code) return null;
  const size = code.length + 2 * QUIET;
  return (
    <figure className="giro">
      <svg
        viewBox={`${-QUIET} ${-QUIET} ${size} ${size}`}
        role="img"
        aria-label="GiroCode (QR) with recipient, IBAN, amount and reference of the transfer"
        shapeRendering="crispEdges"
      >
        <rect x={-QUIET} y={-QUIET} width={size} height={size} fill="#fff" />
        <path d={qrPath(code)} fill="#000" />
      </svg>
      <figcaption className="hint">GiroCode: your banking app fills in the transfer.</figcaption>
    </figure>
  );
}
