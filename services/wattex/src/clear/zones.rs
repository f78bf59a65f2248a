//! The grid of a book from a file: zones, and the links between them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ids::ZoneId;
use matching::network::{Link, Network, Way, Zonal, Zone};
use serde::Deserialize;
use serde_json::{Value, json};
use units::{Energy, Price};

use crate::data::DataError;
use crate::rows::price;

/// A network as people write it: zones by name, prices in currency per kWh.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    zones: Vec<WrittenZone>,
    #[serde(default)]
    links: Vec<WrittenLink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenZone {
    zone: String,
    #[serde(default)]
    fee: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLink {
    zone: String,
    parent: String,
    #[serde(default)]
    up: WrittenWay,
    #[serde(default)]
    down: WrittenWay,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenWay {
    #[serde(default)]
    fee: Option<Number>,
    #[serde(default)]
    capacity_wh: Option<u64>,
}

/// A decimal number, with or without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Plain(serde_json::Number),
}

impl Number {
    fn price(&self) -> Result<Price, String> {
        match self {
            Number::Text(text) => price(text),
            Number::Plain(number) => price(&number.to_string()),
        }
    }
}

/// A grid, and the names that its file has for zones.
pub(crate) struct Grid {
    pub(crate) network: Network,
    names: HashMap<ZoneId, String>,
}

/// Reads a grid.
pub(crate) fn read(path: &Path) -> Result<Grid, DataError> {
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let written: Written = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let price = |number: &Option<Number>| {
        number.as_ref().map_or(Ok(Price::ZERO), Number::price).map_err(fault)
    };
    let way = |way: &WrittenWay| {
        Ok::<Way, DataError>(Way {
            fee: price(&way.fee)?,
            capacity: way.capacity_wh.map(Energy::from_wh),
        })
    };
    let mut names = HashMap::new();
    let mut network = Network { zones: Vec::new(), links: Vec::new() };
    for zone in &written.zones {
        let id = ZoneId::derived(&zone.zone);
        names.insert(id, zone.zone.clone());
        network.zones.push(Zone { zone: id, fee: price(&zone.fee)? });
    }
    for link in &written.links {
        network.links.push(Link {
            zone: ZoneId::derived(&link.zone),
            parent: ZoneId::derived(&link.parent),
            up: way(&link.up)?,
            down: way(&link.down)?,
        });
    }
    network.check().map_err(|refusal| fault(refusal.to_string()))?;
    Ok(Grid { network, names })
}

impl Grid {
    fn name(&self, zone: ZoneId) -> &str {
        self.names.get(&zone).map_or("?", String::as_str)
    }

    /// Prices by zone and flows by link.
    pub(super) fn json(&self, zonal: &Zonal) -> Value {
        let zone = |one: &matching::network::ZonePrice| {
            json!({
                "zone": self.name(one.zone),
                "buyer_price": one.buyer.to_string(),
                "seller_price": one.seller.to_string(),
                "bought_wh": one.bought,
                "sold_wh": one.sold,
            })
        };
        let flow = |one: &matching::network::LinkFlow| {
            json!({
                "from": self.name(one.from),
                "to": self.name(one.to),
                "energy_wh": one.energy,
                "fee": one.fee.to_string(),
                "rent": one.rent.to_string(),
            })
        };
        json!({
            "zones": zonal.zones.iter().map(zone).collect::<Vec<_>>(),
            "flows": zonal.flows.iter().map(flow).collect::<Vec<_>>(),
            "fees": zonal.fees.to_string(),
            "rent": zonal.rent.to_string(),
        })
    }

    pub(super) fn print(&self, zonal: &Zonal) {
        println!();
        println!(
            "{:<16} {:>12} {:>12} {:>10} {:>10}",
            "zone", "buyers pay", "sellers get", "bought", "sold"
        );
        for one in &zonal.zones {
            let (zone, bought, sold) = (self.name(one.zone), one.bought.wh(), one.sold.wh());
            let (buyer, seller) = (one.buyer.to_string(), one.seller.to_string());
            println!("{zone:<16} {buyer:>12} {seller:>12} {bought:>10} {sold:>10}");
        }
        for one in &zonal.flows {
            let (from, to, wh) = (self.name(one.from), self.name(one.to), one.energy.wh());
            println!("{from} -> {to}: {wh} Wh, fee {}, rent {}", one.fee, one.rent);
        }
        println!("Fees {}, congestion rent {}", zonal.fees, zonal.rent);
    }
}
