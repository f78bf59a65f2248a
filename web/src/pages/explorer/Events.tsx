import type { ReactNode } from "react";
import { count, kwh, money, price, utc } from "../../format";
import type { ChainEvent } from "../../types";
import { Address, Badge, Empty, Hash } from "../../ui";

/** Fields of 1e-9 currency. */
const MONEY = new Set([
  "amount", "escrow", "collateral", "sellerNet", "network", "platform", "makeWhole", "compensation",
  "value",
]);
/** Fields of 1e-9 currency per Wh. */
const PRICES = new Set([
  "price", "retailPrice", "feedInPrice", "networkFee", "buyerFee", "sellerFee", "retailPriceMax",
  "feedInPriceMin",
]);
/** Fields of Wh. */
const ENERGY = new Set(["quantity", "delivered", "sellerShort", "buyerShort", "volume", "quantityMax"]);
/** Fields of epoch seconds. */
const TIMES = new Set(["slot", "availableAt", "until"]);

/** The latest epoch second that is shown as a date: the year 2100. */
const TIME_MAX = 4_102_444_800;

/** What a field means, beside its value on chain. */
function meaning(name: string, value: string): string | undefined {
  if (!/^\d+$/.test(value)) return undefined;
  const number = BigInt(value);
  if (MONEY.has(name)) return `$${money(number, 9)}`;
  if (PRICES.has(name)) return `$${price(number)}/kWh`;
  if (ENERGY.has(name)) return `${kwh(number)} kWh`;
  if (TIMES.has(name) && number < TIME_MAX) return utc(new Date(Number(number) * 1000).toISOString());
  return undefined;
}

function Value({ name, value, plain }: { name: string; value: unknown; plain?: boolean }): ReactNode {
  if (value !== null && typeof value === "object") {
    return <Fields fields={value as Record<string, unknown>} plain={plain} />;
  }
  const text = String(value);
  if (/^0x[0-9a-f]{40}$/.test(text)) return <Address value={text} full />;
  if (/^0x[0-9a-f]{64}$/.test(text)) {
    const href = name === "trade" ? { href: `/explorer/trade/${text}` } : {};
    return <Hash value={text} full {...href} />;
  }
  const words = plain ? undefined : meaning(name, text);
  return (
    <>
      <code>{text}</code>
      {words && <span className="meaning">{words}</span>}
    </>
  );
}

/** Names and values; `plain` ones are in words already. */
export function Fields({ fields, plain }: { fields: Record<string, unknown>; plain?: boolean | undefined }) {
  return (
    <dl className="fields">
      {Object.entries(fields).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Value name={name} value={value} plain={plain} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Events({ events }: { events: ChainEvent[] }) {
  if (!events.length) return <Empty>No contract said anything.</Empty>;
  return (
    <ol className="events">
      {events.map((event) => (
        <li key={event.index}>
          <h3>
            {event.name ?? "Other event"}{" "}
            <Badge>{event.contract ?? "unknown contract"}</Badge> <small>log {count(event.index)}</small>
          </h3>
          {event.name ? (
            <Fields fields={event.fields} />
          ) : (
            <Fields fields={{ address: event.address, topics: event.topics, data: event.data }} />
          )}
        </li>
      ))}
    </ol>
  );
}
