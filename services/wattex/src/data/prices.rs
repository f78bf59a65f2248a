//! The prices outside the local market, and the tariff made of them.

use std::collections::BTreeMap;

use calendar::{LocalDay, TimeZone};
use tariff::{EnergyTerms, Levy, Period, PlatformFees, Tariff, Terms};
use units::{Money, Price};

/// What a home pays and gets without neighbours.
#[derive(Debug, Clone)]
pub struct Prices {
    /// ISO 4217.
    pub currency: String,
    retail: Retail,
    feed_in: Price,
}

/// The retail price by month, kind of day and hour: what was seen, and how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Retail {
    seen: BTreeMap<(u8, bool, usize), BTreeMap<i64, u32>>,
}

impl Retail {
    /// Notes one hour's price, in 1e-9 currency per Wh.
    pub(super) fn saw(&mut self, day: LocalDay, hour: usize, price: i64) {
        let key = (day.month(), day.is_weekend(), hour);
        *self.seen.entry(key).or_default().entry(price).or_default() += 1;
    }

    /// The price most often seen then; elsewhere the one of the nearest kind of day or month.
    fn price(&self, month: u8, weekend: bool, hour: usize) -> i64 {
        let months = [month].into_iter().chain(1..=12);
        for month in months {
            for kind in [weekend, !weekend] {
                if let Some(prices) = self.seen.get(&(month, kind, hour)) {
                    let most = prices.iter().max_by_key(|(price, times)| (**times, -**price));
                    return most.map_or(0, |(price, _)| *price);
                }
            }
        }
        0
    }
}

/// Of each retail kWh: the grid's fee for energy from far away.
const NETWORK_FEE: i64 = 60_000;
/// Of each retail kWh: levies.
const LEVY: i64 = 20_000;
/// The grid's fee for energy from the neighbour.
const LOCAL_NETWORK_FEE: i64 = 10_000;
/// The platform's fee, from each side.
const PLATFORM_FEE: i64 = 2_000;
/// The supplier's charge for a day.
const FIXED_PER_DAY: i64 = 350_000_000;

impl Prices {
    pub(super) fn new(currency: &str, retail: Retail, feed_in: i64) -> Prices {
        let feed_in = Price::from_n_per_wh(feed_in);
        Prices { currency: currency.to_owned(), retail, feed_in }
    }

    /// 30 cents per kWh, 38 from 17 to 21 h, 8 for what is fed in.
    pub(super) fn default_community() -> Prices {
        let mut retail = Retail::default();
        let day = LocalDay::new(2026, 6, 1).expect("a day that exists");
        for hour in 0..24 {
            retail.saw(day, hour, if (17..21).contains(&hour) { 380_000 } else { 300_000 });
        }
        Prices::new("USD", retail, 80_000)
    }

    /// The tariff of a community with these prices, in force from `valid_from`: the retail price
    /// split into energy, network fee and levy, and the fees of local trade.
    ///
    /// Where a retail price leaves no room for them, network fee and levy shrink in proportion.
    pub fn tariff(&self, zone: &TimeZone, valid_from: LocalDay) -> anyhow::Result<Tariff> {
        let schedule = |weekend| -> Vec<Vec<i64>> {
            (1..=12)
                .map(|month| (0..24).map(|hour| self.retail.price(month, weekend, hour)).collect())
                .collect()
        };
        let (weekday, weekend) = (schedule(false), schedule(true));
        let mut prices: Vec<i64> = weekday.iter().chain(&weekend).flatten().copied().collect();
        prices.sort_unstable();
        prices.dedup();
        let lowest = prices.first().copied().unwrap_or(0);
        let fits = lowest >= 2 * (NETWORK_FEE + LEVY);
        let (network, levy) =
            if fits { (NETWORK_FEE, LEVY) } else { (lowest * 3 / 10, lowest / 10) };
        let local = LOCAL_NETWORK_FEE.min(network / 3);
        let place = |price: &i64| {
            u8::try_from(prices.iter().position(|known| known == price).unwrap_or(0)).unwrap_or(0)
        };
        let places = |table: &[Vec<i64>]| -> Vec<Vec<u8>> {
            table.iter().map(|hours| hours.iter().map(place).collect()).collect()
        };
        let price = Price::from_n_per_wh;
        let terms = Terms {
            id: "community-retail".to_owned(),
            name: "Retail supply by time of use".to_owned(),
            version: 1,
            valid_from,
            currency: self.currency.clone(),
            currency_digits: 2,
            timezone: zone.clone(),
            fixed_per_day: Money::from_n(FIXED_PER_DAY),
            energy: EnergyTerms {
                weekday: places(&weekday),
                weekend: places(&weekend),
                periods: names(&prices)
                    .into_iter()
                    .zip(&prices)
                    .map(|(name, all_in)| Period { name, price: price(all_in - network - levy) })
                    .collect(),
            },
            network_fee: price(network),
            local_network_fee: price(local),
            levies: vec![Levy { name: "Levies".to_owned(), price: price(levy) }],
            platform_fees: PlatformFees { buyer: price(PLATFORM_FEE), seller: price(PLATFORM_FEE) },
            feed_in_price: self.feed_in,
            vat_bps: 0,
        };
        Ok(Tariff::new(terms)?)
    }
}

/// A name for each price, cheapest first.
fn names(prices: &[i64]) -> Vec<String> {
    match prices.len() {
        1 => vec!["all day".to_owned()],
        2 => vec!["off-peak".to_owned(), "peak".to_owned()],
        count => (1..=count).map(|place| format!("period {place} of {count}")).collect(),
    }
}
