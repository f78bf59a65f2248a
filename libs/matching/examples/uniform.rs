//! Times the uniform-price auction over a file of random orders, as the peers of the bench `market`
//! read it:
//!
//! ```text
//! python3 bench/src/market/uniform.py write FILE 10000 1
//! cargo run --release --package matching --example uniform -- FILE 100
//! ```
//!
//! The file has unsigned 64-bit numbers, the lowest byte first: how many buyers and sellers; then
//! of buyers, then of sellers, a column each of prices, quantities, owners and hashes.
#![allow(clippy::unwrap_used, reason = "a file that is not as it should be ends the program")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ids::{OrderId, Uuid, ZoneId};
use matching::{Batch, Fees, Order, Side, clear};
use units::{Energy, Price};

const TICK: Price = Price::from_n_per_wh(100);
const K_BPS: u16 = 5_000;

fn main() {
    let mut words = std::env::args().skip(1);
    let orders = orders(&words.next().unwrap());
    let runs: usize = words.next().unwrap().parse().unwrap();
    let (fees, rules) = (Fees::default(), matching::Rules::uniform(TICK, Fees::default()));
    let batch = Batch::new(&orders, &fees).unwrap();
    let allocation = batch.allocate(TICK, K_BPS).unwrap();
    println!("{} orders: {:?}, {:?}", orders.len(), allocation.price, allocation.volume);
    time("columns: fees, own orders", runs, || Batch::new(&orders, &fees));
    time("columns -> price, volume, fills", runs, || batch.allocate(TICK, K_BPS));
    time("columns -> the same and trades", runs, || batch.clear(TICK, K_BPS));
    time("orders -> trades", runs, || clear(&orders, &rules));
}

/// Prints the shortest and the middle one of some runs.
fn time<T>(what: &str, runs: usize, work: impl Fn() -> T) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            let done = work();
            let took = began.elapsed();
            drop(black_box(done));
            took
        })
        .collect();
    times.sort();
    println!("{what:32} {:>12?} {:>12?}", times[0], times[runs / 2]);
}

fn orders(file: &str) -> Vec<Order> {
    let bytes = std::fs::read(file).unwrap();
    let numbers = bytes.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    let numbers: Vec<u64> = numbers.collect();
    let count = |place: usize| usize::try_from(numbers[place]).unwrap();
    let (buyers, sellers) = numbers[2..].split_at(4 * count(0));
    let mut orders = Vec::new();
    for (side, numbers) in [(Side::Buy, buyers), (Side::Sell, sellers)] {
        let column = |number: usize| numbers.chunks_exact(numbers.len() / 4).nth(number).unwrap();
        for place in 0..numbers.len() / 4 {
            let (mut owner, mut hash) = ([0; 20], [0; 32]);
            owner[..8].copy_from_slice(&column(2)[place].to_be_bytes());
            hash[..8].copy_from_slice(&column(3)[place].to_be_bytes());
            orders.push(Order {
                id: OrderId::from_uuid(Uuid::from_u128(place as u128)),
                owner,
                side,
                quantity: Energy::from_wh(column(1)[place]),
                price: Price::from_n_per_wh(i64::try_from(column(0)[place]).unwrap()),
                min_fill: Energy::ZERO,
                hash,
                sequence: place as u64,
                zone: ZoneId::from_uuid(Uuid::nil()),
            });
        }
    }
    // Buyers and sellers come as they come.
    orders.sort_by_key(|order| order.hash);
    orders
}
