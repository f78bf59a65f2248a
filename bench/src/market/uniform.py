"""The uniform-price auction with numpy and with Polars, timed by itself.

    uniform.py write FILE ORDERS SEED           random orders
    uniform.py WAY WHAT FILE RUNS               a line of JSON with the times and the result

A file has unsigned 64-bit numbers, the lowest byte first: how many buyers and sellers; then of
buyers, then of sellers, a column each of prices, quantities, owners and hashes. The ways:

    numpy   sorts each side by price, sums, finds the crossing
    levels  numpy, but sums energy by price with bincount; in floats, exact below 2^53
    polars  groups each side by price, sums, finds the crossing

What: `allocate` is price, volume and each order's fill, pro-rata at the margin by largest
remainder, ties by hash; `clear` is that, fills in their order and trades; `whole` looks first
whether an owner is on both sides (in these files nobody is). Times are of the processor; reading
the file is not in them.
"""

import hashlib
import json
import sys
import time
from collections import namedtuple

import numpy as np

TICK, K_BPS = 100, 5_000


def write(file, orders, seed):
    """Bids of 0.10 to 0.30 and asks of 0.05 to 0.25 currency per kWh, up to 5 kWh each."""
    dice = np.random.default_rng(seed)
    buyers = int(dice.binomial(orders, 0.5))
    parts = [np.array([buyers, orders - buyers])]
    for count, low, high in ((buyers, 1_000, 3_000), (orders - buyers, 500, 2_500)):
        parts.append(dice.integers(low, high, count, endpoint=True) * TICK)
        parts.append(dice.integers(1, 5_000, count, endpoint=True))
        parts.extend(dice.integers(0, 2**64, count, dtype=np.uint64) for _ in range(2))
    np.concatenate([part.astype("<u8") for part in parts]).tofile(file)


def read(file):
    """Prices, quantities, owners and hashes of buyers, and of sellers."""
    numbers = np.fromfile(file, dtype="<u8")
    buyers, sellers = np.split(numbers[2:], [4 * int(numbers[0])])
    sides = []
    for numbers in (buyers, sellers):
        prices, quantities, owners, hashes = (part.copy() for part in np.split(numbers, 4))
        sides.append((prices.view(np.int64), quantities.view(np.int64), owners, hashes))
    return sides


class Sorted:
    """One side by price, with the levels of equal prices and the energy up to each of them."""

    def __init__(self, prices, quantities, best_last):
        order = np.argsort(prices)
        self.order = order[::-1] if best_last else order
        prices, self.quantities = prices[self.order], quantities[self.order]
        last = np.append(np.flatnonzero(prices[1:] != prices[:-1]), len(prices) - 1)
        self.last, self.prices = last, prices[last]
        self.through = np.cumsum(self.quantities)[last]

    def fills(self, volume, hashes):
        level = np.searchsorted(self.through, volume)
        start = self.last[level - 1] + 1 if level else 0
        before = self.through[level - 1] if level else 0
        margin = slice(start, self.last[level] + 1)
        fills = np.zeros(len(self.order), dtype=np.int64)
        fills[self.order[:start]] = self.quantities[:start]
        places = self.order[margin]
        fills[places] = pro_rata(volume - before, self.quantities[margin], hashes[places])
        return fills


class Levels:
    """One side as energy by price, for prices that are whole ticks and not far apart."""

    def __init__(self, prices, quantities, best_last):
        self.all, self.asked = prices, quantities
        lowest = prices.min()
        energy = np.bincount((prices - lowest) // TICK, weights=quantities)
        used = np.flatnonzero(energy)
        used = used[::-1] if best_last else used
        self.prices, self.through = used * TICK + lowest, np.cumsum(energy[used].astype(np.int64))
        self.best_last = best_last

    def fills(self, volume, hashes):
        level = np.searchsorted(self.through, volume)
        before = self.through[level - 1] if level else 0
        edge = self.prices[level]
        better = self.all > edge if self.best_last else self.all < edge
        fills = np.where(better, self.asked, 0)
        places = np.flatnonzero(self.all == edge)
        fills[places] = pro_rata(volume - before, self.asked[places], hashes[places])
        return fills


# Prices of one side, best first, and the energy up to each of them.
ByPrice = namedtuple("ByPrice", "prices through")


def pro_rata(supply, asked, hashes):
    total = asked.sum()
    exact = supply * asked
    parts = exact // total
    left = supply - parts.sum()
    if left:
        parts[np.lexsort((hashes, parts * total - exact))[:left]] += 1
    return parts


def crossing(bids, asks):
    """Price and volume of two sides by price, best first."""
    offered = np.append(0, asks.through)[np.searchsorted(asks.prices, bids.prices, side="right")]
    at = len(bids.prices) - np.searchsorted(bids.prices[::-1], asks.prices)
    wanted = np.append(0, bids.through)[at]
    volume = max(
        np.minimum(bids.through, offered).max(), np.minimum(asks.through, wanted).max()
    )
    if volume == 0:
        return None, 0
    return price(bids, asks, volume), volume


def price(bids, asks, volume):
    def edge(side):
        last = np.searchsorted(side.through, volume)
        following = np.searchsorted(side.through, volume, side="right")
        more = side.prices[following] if following < len(side.prices) else None
        return side.prices[last], more

    (bid, bid_next), (ask, ask_next) = edge(bids), edge(asks)
    low = ask if bid_next is None else max(ask, bid_next)
    high = bid if ask_next is None else min(bid, ask_next)
    point = low + (high - low) * K_BPS // 10_000
    return max(point - point % TICK, low)


def allocate_numpy(buyers, sellers, side=Sorted):
    bids, asks = side(*buyers[:2], True), side(*sellers[:2], False)
    at, volume = crossing(bids, asks)
    return at, volume, bids.fills(volume, buyers[3]), asks.fills(volume, sellers[3])


def allocate_polars(buyers, sellers):
    import polars as pl

    def levels(frame, best_last):
        energy = frame.group_by("price").agg(pl.col("quantity").sum())
        energy = energy.sort("price", descending=best_last)
        return ByPrice(energy["price"].to_numpy(), energy["quantity"].cum_sum().to_numpy())

    def fills(frame, side, volume, best_last):
        level = np.searchsorted(side.through, volume)
        supply = int(volume - (side.through[level - 1] if level else 0))
        edge = pl.lit(int(side.prices[level]))
        of = pl.col("price")
        got = frame.with_columns(
            pl.when(of > edge if best_last else of < edge)
            .then(pl.col("quantity"))
            .otherwise(0)
            .alias("fill")
        )
        margin = got.filter(of == edge)
        total = margin["quantity"].sum()
        exact = pl.col("quantity") * supply
        margin = margin.with_columns((exact // total).alias("part"), (exact % total).alias("rest"))
        left = supply - margin["part"].sum()
        margin = margin.sort(["rest", "hash"], descending=[True, False])
        margin = margin.with_row_index("rank").with_columns(
            (pl.col("part") + (pl.col("rank") < left)).alias("part")
        )
        # A column of its own memory, so that single places can be written to.
        out = got["fill"].to_numpy(writable=True)
        out[margin["place"].to_numpy()] = margin["part"].to_numpy()
        return out

    bids, asks = levels(buyers, True), levels(sellers, False)
    at, volume = crossing(bids, asks)
    return at, volume, fills(buyers, bids, volume, True), fills(sellers, asks, volume, False)


def frames(sides):
    import polars as pl

    names = ("price", "quantity", "owner", "hash")
    return [pl.DataFrame(dict(zip(names, side))).with_row_index("place") for side in sides]


def whole_numpy(buyers, sellers):
    owners = np.concatenate((buyers[2] & ~np.uint64(1), sellers[2] | np.uint64(1)))
    owners.sort()
    assert not ((owners[1:] ^ owners[:-1]) == 1).any(), "an owner is on both sides"
    return clear_numpy(buyers, sellers)


def clear_numpy(buyers, sellers):
    at, volume, bought, sold = allocate_numpy(buyers, sellers)

    def listed(fills, merits, hashes):
        places = np.flatnonzero(fills)
        places = places[np.argsort(hashes[places])]
        return places[np.argsort(merits[places], kind="stable")]

    bids, asks = listed(bought, -buyers[0], buyers[3]), listed(sold, sellers[0], sellers[3])
    until_bid, until_ask = np.cumsum(bought[bids]), np.cumsum(sold[asks])
    ends = np.concatenate((until_bid, until_ask))
    ends.sort()
    ends = ends[np.append(True, ends[1:] != ends[:-1])]
    energy = np.diff(ends, prepend=0)
    buyer = bids[np.searchsorted(until_bid, ends)]
    seller = asks[np.searchsorted(until_ask, ends)]
    return at, volume, np.stack((buyer, seller, energy), axis=1)


def main(way, what, file, runs):
    sides = read(file)
    works = {
        ("numpy", "allocate"): lambda: allocate_numpy(*sides),
        ("levels", "allocate"): lambda: allocate_numpy(*sides, side=Levels),
        ("numpy", "clear"): lambda: clear_numpy(*sides),
        ("numpy", "whole"): lambda: whole_numpy(*sides),
        ("polars", "allocate"): lambda: allocate_polars(*data),
    }
    data = frames(sides) if way == "polars" else None
    work, times = works[way, what], []
    # The first one fetches code and memory.
    for _ in range(runs + 1):
        began = time.process_time()
        at, volume, *rest = work()
        times.append(time.process_time() - began)
    digest = hashlib.sha256(b"".join(part.astype("<u8").tobytes() for part in rest))
    result = {"price": int(at), "volume": int(volume), "digest": digest.hexdigest()}
    print(json.dumps({"seconds": times[1:], **result}))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(*sys.argv[1:4], int(sys.argv[4]))
