//! What zones and links come to: energy, fees, rent.

use units::{Energy, Money, Overflow, Price};

use super::{LinkFlow, Solved, ZonePrice};
use crate::Side;

impl Solved<'_> {
    /// The sellers' price of an area that has one.
    pub(super) fn price(&self, area: usize) -> i128 {
        self.prices[area].expect("an area in which energy is or passes has a price")
    }

    pub(super) fn zones(&self) -> Result<Vec<ZonePrice>, Overflow> {
        let count = self.tree.areas.len();
        let (mut bought, mut sold) = (vec![0_u64; count], vec![0_u64; count]);
        for (quote, &got) in self.quotes.iter().zip(&self.flow.fills) {
            match quote.side {
                Side::Buy => bought[quote.area] += got,
                Side::Sell => sold[quote.area] += got,
            }
        }
        let mut zones = Vec::new();
        for (place, area) in self.tree.areas.iter().enumerate() {
            let Some(price) = self.prices[place] else { continue };
            // Energy that comes down the own link has met above; what goes down to a child has met
            // here, unless it came down itself.
            let down = |place: usize| (-self.flow.exports[place]).max(0);
            let below: i128 = area.children.iter().map(|&child| down(child)).sum();
            let met = i128::from(bought[place]) + below - down(place);
            zones.push(ZonePrice {
                zone: area.zone,
                buyer: fit(price + area.fee)?,
                seller: fit(price)?,
                bought: Energy::from_wh(bought[place]),
                sold: Energy::from_wh(sold[place]),
                met: energy(met)?,
                fee: cost(area.fee, met)?,
            });
        }
        Ok(zones)
    }

    pub(super) fn flows(&self) -> Result<Vec<LinkFlow>, Overflow> {
        let mut flows = Vec::new();
        for (place, area) in self.tree.areas.iter().enumerate() {
            let export = self.flow.exports[place];
            let Some(parent) = area.parent.filter(|_| export != 0) else { continue };
            let (here, above) = (self.price(place), self.price(parent));
            let upper = self.tree.areas[parent].zone;
            let (ends, line, gain) = if export > 0 {
                ((area.zone, upper), area.up, above - here - area.up.fee)
            } else {
                ((upper, area.zone), area.down, here - above - area.step_down)
            };
            flows.push(LinkFlow {
                from: ends.0,
                to: ends.1,
                energy: energy(export.abs())?,
                fee: cost(line.fee, export.abs())?,
                rent: cost(gain, export.abs())?,
            });
        }
        Ok(flows)
    }
}

fn fit(price: i128) -> Result<Price, Overflow> {
    i64::try_from(price).map(Price::from_n_per_wh).map_err(|_| Overflow)
}

fn energy(wh: i128) -> Result<Energy, Overflow> {
    u64::try_from(wh).map(Energy::from_wh).map_err(|_| Overflow)
}

fn cost(price: i128, wh: i128) -> Result<Money, Overflow> {
    fit(price)?.cost_of(energy(wh)?)
}
