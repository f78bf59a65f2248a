import { Chart } from "../../charts/Chart";
import {
  ENERGY_SCALE, PRICE_SCALE, clock, dayShort, forPixels, kwh, moment, price, readDecimal,
} from "../../format";
import type { Market, Trade } from "../../types";
import { Empty } from "../../ui";

/** How many slots the chart shows at most: a day of quarter-hours. */
const SLOTS_MAX = 96;

/** Prices, on average where trades have their own, and volumes of the last slots, as the trades say; a slot without trades is a gap. */
export function PriceChart({ trades, market }: { trades: Trade[]; market: Market }) {
  const slots = new Map<number, { paid: bigint; price: bigint; volume: bigint }>();
  for (const trade of trades) {
    const start = Date.parse(trade.slot);
    const known = slots.get(start);
    const quantity = BigInt(trade.quantity_wh);
    const volume = (known?.volume ?? 0n) + quantity;
    const paid = (known?.paid ?? 0n) + readDecimal(trade.price, PRICE_SCALE) * quantity;
    slots.set(start, { paid, price: volume ? paid / volume : 0n, volume });
  }
  if (!slots.size) return <Empty>The first cleared slot will show here.</Empty>;
  const length = market.slot_minutes * 60_000;
  const last = Math.max(...slots.keys());
  const first = Math.max(Math.min(...slots.keys()), last - (SLOTS_MAX - 1) * length);
  const starts = Array.from({ length: Math.round((last - first) / length) + 1 }, (_, i) => first + i * length);
  const at = (index: number) => slots.get(starts[index]!);
  const hours = starts.length > 60 ? 3 : starts.length > 24 ? 2 : starts.length > 10 ? 1 : 0;
  return (
    <Chart
      label={`Cleared prices and volumes from ${moment(new Date(first), market.timezone)} to ${moment(new Date(last), market.timezone)}`}
      placeHead="Slot"
      places={starts.map((start) => moment(new Date(start), market.timezone))}
      axis={starts.flatMap((start, index) => {
        const text = clock(new Date(start), market.timezone);
        const midnight = text === "00:00";
        const wanted = hours === 0 || (text.endsWith(":00") && Number(text.slice(0, 2)) % hours === 0);
        return wanted ? [{ index, text: midnight ? dayShort(new Date(start), market.timezone) : text }] : [];
      })}
      panels={[
        {
          unit: "$/kWh",
          height: 150,
          zero: false,
          series: [
            {
              name: "Price",
              shape: "step",
              color: "var(--chart-price)",
              values: starts.map((_, index) => {
                const slot = at(index);
                return slot ? forPixels(slot.price, PRICE_SCALE) : null;
              }),
              text: (index) => {
                const slot = at(index);
                return slot ? `$${price(slot.price)}/kWh` : "no trade";
              },
            },
          ],
        },
        {
          unit: "kWh",
          height: 76,
          zero: true,
          series: [
            {
              name: "Volume",
              shape: "bar",
              color: "var(--chart-volume)",
              values: starts.map((_, index) => forPixels(at(index)?.volume ?? 0n, ENERGY_SCALE)),
              text: (index) => `${kwh(at(index)?.volume ?? 0n)} kWh`,
            },
          ],
        },
      ]}
    />
  );
}
