// What one side should know about a price before it asks for it.

import { PRICE_SCALE, price, readDecimal } from "../../format";
import type { Band, Side } from "../../types";

/** The prices of one side: a buyer's all-in, a seller's net, as they are entered. */
export interface SideBand {
  /** Below this, the other side loses. */
  low: bigint;
  /** Above this, the other side loses (selling), or this one does (buying). */
  high: bigint;
}

const read = (text: string) => readDecimal(text, PRICE_SCALE);

/** The band as `side` enters prices; null when nobody can gain. */
export function bandOf(band: Band, side: Side): SideBand | null {
  if (band.low === undefined || band.high === undefined) return null;
  const fees = read(band.network_fee) + read(band.buyer_fee);
  const shift = side === "buy" ? fees : -read(band.seller_fee);
  return { low: read(band.low) + shift, high: read(band.high) + shift };
}

/** Plain words about a limit outside the band; null inside. */
export function warningOf(band: Band, side: Side, limit: bigint): string | null {
  const own = bandOf(band, side);
  if (!own) return "In this slot no price beats the tariff for both sides. You lose against your tariff.";
  if (side === "buy" && limit > own.high) {
    return `You lose against your tariff: your retailer asks only $${price(band.retail_price)} per kWh.`;
  }
  if (side === "sell" && limit < own.low) {
    return `You lose against your tariff: your retailer pays $${price(band.feed_in_price)} per kWh for what you feed in.`;
  }
  if (side === "buy" && limit < own.low) {
    return `No seller gains below $${price(own.low)} per kWh. This order will hardly be filled.`;
  }
  if (side === "sell" && limit > own.high) {
    return `No buyer gains above $${price(own.high)} per kWh. This order will hardly be filled.`;
  }
  return null;
}
