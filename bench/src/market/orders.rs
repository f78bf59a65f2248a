//! The orders of a file that the peers read too; see `uniform.py` for what is in it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use ids::{OrderId, Uuid, ZoneId};
use matching::{Order, Side};
use units::{Energy, Price};

/// Columns of a side.
const COLUMNS: usize = 4;

/// The orders, buyers and sellers mixed. An order's id is its place on its side of the file.
pub(super) fn read(file: &Path) -> Result<Vec<Order>> {
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let (words, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (counts, numbers) = numbers.split_at_checked(2).context("a file without counts")?;
    let [buyers, sellers] = [usize::try_from(counts[0])?, usize::try_from(counts[1])?];
    ensure!(
        rest.is_empty() && numbers.len() == (buyers + sellers) * COLUMNS,
        "a file of {} numbers for {buyers} buyers and {sellers} sellers",
        numbers.len()
    );
    let (bids, asks) = numbers.split_at(buyers * COLUMNS);
    let mut orders = side(Side::Buy, bids)?;
    orders.extend(side(Side::Sell, asks)?);
    orders.sort_by_key(|order| order.hash);
    Ok(orders)
}

fn side(side: Side, numbers: &[u64]) -> Result<Vec<Order>> {
    let count = numbers.len() / COLUMNS;
    let column = |number: usize| &numbers[number * count..(number + 1) * count];
    let (mut owner, mut hash) = ([0; 20], [0; 32]);
    (0..count)
        .map(|place| {
            owner[..8].copy_from_slice(&column(2)[place].to_be_bytes());
            hash[..8].copy_from_slice(&column(3)[place].to_be_bytes());
            Ok(Order {
                id: OrderId::from_uuid(Uuid::from_u128(place as u128)),
                owner,
                side,
                quantity: Energy::from_wh(column(1)[place]),
                price: Price::from_n_per_wh(i64::try_from(column(0)[place])?),
                min_fill: Energy::ZERO,
                hash,
                sequence: place as u64,
                zone: ZoneId::from_uuid(Uuid::nil()),
            })
        })
        .collect()
}
