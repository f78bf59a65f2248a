import { useState } from "react";
import { addressAt } from "../../address";
import * as api from "../../api";
import { AmountField, Form, SelectField, SideField } from "../../fields";
import {
  ENERGY_SCALE, PRICE_SCALE, clock, costOf, day, kwh, money, parseDecimal, price, slotSpan,
} from "../../format";
import { useLoad } from "../../live";
import { newNonce } from "../../order";
import { Link } from "../../route";
import { newSalt } from "../../sealing";
import { sign } from "../../sign";
import { openSlots } from "../../slots";
import type { Approval, Band, Commitment, Market, Order, OrderTerms, SealedSlot, Side } from "../../types";
import { Card, Notice } from "../../ui";
import { useUser } from "../../user";
import { Outcome, useWork } from "../../work";
import { type SideBand, bandOf, warningOf } from "./band";
import { LIFETIMES, type LifetimeName, lifetime, outcome as told } from "./placed";

const NO_DELEGATE = `0x${"0".repeat(40)}`;

/** What is wrong with an amount, if anything. */
function amountError(amount: bigint | null, market: Market): string | undefined {
  if (amount === null || amount <= 0n) return "Enter an amount such as 2.5, with at most three decimals.";
  const least = BigInt(market.lot_min_wh);
  if (amount < least) return `The smallest order is ${kwh(least)} kWh.`;
  return undefined;
}

function priceError(limit: bigint | null, market: Market): string | undefined {
  if (limit === null || limit <= 0n) return "Enter a price such as 0.18.";
  const tick = BigInt(market.tick);
  if (tick > 0n && limit % tick !== 0n) return `Prices are multiples of $${price(tick)}.`;
  return undefined;
}

export function TradeForm({ market, onPlaced }: { market: Market; onPlaced: () => void }) {
  const user = useUser();
  const points = useLoad("points", api.connectionPoints);
  const [side, setSide] = useState<Side>("buy");
  const [amountText, setAmountText] = useState("");
  const [priceText, setPriceText] = useState("");
  const [slotWanted, setSlot] = useState("");
  const [pointWanted, setPoint] = useState("");
  const [good, setGood] = useState<LifetimeName>("gate");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run, say } = useWork<Order | Commitment | Approval>();

  const slots = openSlots(market);
  const slot = slots.includes(slotWanted) ? slotWanted : (slots[0] ?? "");
  const own = (points.data ?? []).filter((point) => point.account === user.account?.account);
  const point = own.find((candidate) => candidate.connection_point === pointWanted) ?? own[0];
  const sealed = useLoad(`sealed ${slot}`, async () => (slot ? (await api.slot(slot)).sealed : undefined)).data;
  const band = useLoad(`band ${slot}`, async () => (slot ? api.priceBand(slot) : undefined));

  const amount = parseDecimal(amountText, ENERGY_SCALE);
  const limit = parseDecimal(priceText, PRICE_SCALE);
  const problems = { amount: amountError(amount, market), price: priceError(limit, market) };
  const warning = band.data && limit !== null && limit > 0n && warningOf(band.data, side, limit);

  const submit = () => {
    setTried(true);
    say(undefined);
    const { account } = user;
    if (problems.amount || problems.price || !point || !account || !slot) return;
    const start = Date.parse(slot) / 1000;
    const order: OrderTerms = {
      account: addressAt(market.cash, slot) ?? account.address,
      side,
      slot: start,
      quantity: Number(amount),
      limitPrice: Number(limit),
      minFill: 0,
      community: market.community,
      zone: market.zone,
      connectionPoint: point.connection_point,
      policy: market.policy_id,
      delegate: NO_DELEGATE,
      nonce: newNonce(),
      expiry: start + market.slot_minutes * 60,
    };
    void run(async () => {
      const signed = await sign(order, market, account.custody);
      const placed = typeof signed === "string" ? await send(slot, order, signed, good) : signed;
      setAmountText("");
      setTried(false);
      onPlaced();
      return placed;
    });
  };

  return (
    <Card title="New order" id="new-order" className="trade-form">
      <Form onSubmit={submit}>
        <SideField name="type" value={side} onChange={setSide} />
        <SelectField
          label="Slot"
          hint={slot ? `The book closes at ${gate(slot, market)}.` : "No slot is open for orders."}
          value={slot}
          onChange={setSlot}
        >
          {slots.map((start) => (
            <option key={start} value={start}>
              {day(start, market.timezone)}, {slotSpan(start, market.slot_minutes, market.timezone)}
            </option>
          ))}
        </SelectField>
        {own.length > 1 && (
          <SelectField label="Connection point" value={point?.connection_point ?? ""} onChange={setPoint}>
            {own.map((one) => (
              <option key={one.connection_point}>{one.connection_point}</option>
            ))}
          </SelectField>
        )}
        <div className="field-row">
          <AmountField
            label="Amount (kWh)"
            error={tried ? problems.amount : undefined}
            name="amount"
            placeholder="2.5"
            value={amountText}
            onChange={setAmountText}
          />
          <AmountField
            label="Price ($/kWh)"
            error={tried ? problems.price : undefined}
            name="price"
            placeholder="0.18"
            value={priceText}
            onChange={setPriceText}
          />
        </div>
        {market.mechanism.name === "continuous" && (
          <SelectField
            label="Good"
            hint="Your order trades at once with what waits in the book, at that price."
            value={good}
            onChange={(value) => setGood(value as LifetimeName)}
          >
            {LIFETIMES.map(({ name, text }) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </SelectField>
        )}
        {band.data && <BandScale band={band.data} side={side} limit={limit} />}
        {warning && <Notice tone="warn">{warning}</Notice>}
        <p className="form-total">
          <span>{side === "buy" ? "You pay at most" : "You earn at least"}</span>
          <output>{amount && limit && amount > 0n && limit > 0n ? `$${money(costOf(limit, amount))}` : "–"}</output>
        </p>
        <button type="submit" className="primary" disabled={busy || !slot}>
          {busy ? "Signing…" : "Create Trade"}
        </button>
        {points.data && !own.length && (
          <Notice tone="info">Your account has no connection point yet. The operator adds it.</Notice>
        )}
        {outcome instanceof Error && <Outcome of={outcome} />}
        {outcome && "placed_at" in outcome && <Placed order={outcome} market={market} />}
        {outcome && "commitment" in outcome && (
          <Notice tone="good">
            Your order is sealed. It is opened when the book closes at {gate(outcome.slot, market)}, and holds your cash
            from then on. Until then you can take it back below.
          </Notice>
        )}
        {outcome && "approval" in outcome && (
          <Notice tone="warn">
            An order this large needs the operator's consent, which was asked for. Your <Link href="/wallet">wallet</Link>{" "}
            shows what becomes of it; place it from there.
          </Notice>
        )}
        <p className="hint">
          {user.account?.custody === "own"
            ? "Your wallet signs the order; nobody else can."
            : "The operator holds your key and signs the order for you."}
        </p>
        {sealed && <Sealed of={sealed} own={user.account?.custody === "own"} />}
      </Form>
    </Card>
  );
}

/** Seals an order where its slot wants that, else places it. */
async function send(slot: string, order: OrderTerms, signature: string, good: LifetimeName) {
  if ((await api.slot(slot)).sealed) return api.sealOrder(slot, order, signature, newSalt());
  // By the market's clock, as it is now. What is simply good is said by nothing.
  const asked = good === "gate" ? undefined : lifetime(good, (await api.market()).now);
  return api.placeOrder(order, signature, asked);
}

/** What others see of a sealed order, and what whoever runs the market can. */
function Sealed({ of, own }: { of: SealedSlot; own: boolean }) {
  return (
    <p className="hint">
      Orders of this slot are sealed: until the book closes others see only how many there are, {of.commitments} so far.
      Yours is left with the market, which opens it then; whoever runs the market could read it before, and no member
      can.{" "}
      {own && "To keep it from the operator as well, commit to it by the API and open it yourself."}
    </p>
  );
}

function gate(slot: string, market: Market): string {
  return clock(new Date(Date.parse(slot) - market.gate_seconds * 1000), market.timezone);
}

function Placed({ order, market }: { order: Order; market: Market }) {
  return (
    <Notice tone={order.status === "cancelled" && !order.filled_wh ? "warn" : "good"}>
      Your order to {order.side} {kwh(order.quantity_wh)} kWh in the slot{" "}
      {slotSpan(order.slot, market.slot_minutes, market.timezone)}: {told(order)}
      {order.held !== "0" && ` $${money(order.held)} are held for it.`}
    </Notice>
  );
}

/** The price band as a ruler from nothing to a little above the retail price. */
function BandScale({ band, side, limit }: { band: Band; side: Side; limit: bigint | null }) {
  const own = bandOf(band, side);
  if (!own) return null;
  const top = (own.high * 6n) / 5n;
  const share = (value: bigint) => {
    const inside = value < 0n ? 0n : value > top ? top : value;
    return Number((inside * 1000n) / top) / 10;
  };
  return (
    <div className="band">
      <p className="band-text">
        <span>Price band</span>
        <b>
          ${price(own.low)} – ${price(own.high)}
        </b>
      </p>
      <div className="band-ruler" aria-hidden="true">
        <i className="band-gain" style={{ left: `${share(own.low)}%`, width: `${share(own.high) - share(own.low)}%` }} />
        {limit !== null && limit > 0n && (
          <i className={`band-limit ${inBand(own, limit) ? "in" : "out"}`} style={{ left: `${share(limit)}%` }} />
        )}
      </div>
      <p className="hint">
        {side === "buy" ? "All-in, with network and platform fees. " : "What reaches you, after the platform fee. "}
        Inside it both sides gain; together ${price(band.gain)} per kWh.
      </p>
    </div>
  );
}

function inBand(band: SideBand, limit: bigint): boolean {
  return band.low <= limit && limit <= band.high;
}
