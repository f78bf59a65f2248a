//! The network as a checked tree: areas by number, children before parents.

use std::collections::BTreeMap;

use ids::ZoneId;
use units::Energy;

use super::{LINKS_MAX, Network, Way, ZONES_MAX};
use crate::Refusal;

/// A forest of areas, numbered in the order of their zone ids.
pub(super) struct Tree {
    pub(super) areas: Vec<Area>,
    /// Every area after its children.
    pub(super) bottom_up: Vec<usize>,
    places: BTreeMap<ZoneId, usize>,
}

/// A zone and its link upwards.
pub(super) struct Area {
    pub(super) zone: ZoneId,
    /// Of a watt-hour that meets here.
    pub(super) fee: i128,
    pub(super) parent: Option<usize>,
    /// By number.
    pub(super) children: Vec<usize>,
    pub(super) up: Line,
    pub(super) down: Line,
    /// How much higher the sellers' price is here than above while energy comes down: the fee of
    /// the way, and the parent's instead of this area's own. Not negative.
    pub(super) step_down: i128,
    depth: usize,
}

/// Where a trade passes: links by the areas at their lower ends, and the area in which it meets.
#[derive(Default)]
pub(super) struct Path {
    pub(super) up: Vec<usize>,
    pub(super) top: usize,
    pub(super) down: Vec<usize>,
}

/// One direction of a link, in numbers that need no care.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) fee: i128,
    pub(super) capacity: i128,
}

impl Line {
    /// What a root has above it: nothing goes there.
    const CLOSED: Line = Line { fee: 0, capacity: 0 };

    fn of(way: Way) -> Line {
        let without_limit = i128::from(u64::MAX);
        let limit = |energy: Energy| i128::from(energy.wh());
        Line {
            fee: i128::from(way.fee.n_per_wh()),
            capacity: way.capacity.map_or(without_limit, limit),
        }
    }
}

impl Tree {
    /// The network's tree, if it is one.
    pub(super) fn of(network: &Network) -> Result<Tree, Refusal> {
        let wrong = |what| Err(Refusal::Rules(what));
        if network.zones.len() > ZONES_MAX || network.links.len() > LINKS_MAX {
            return wrong("network: too many zones or links");
        }
        let fees: BTreeMap<ZoneId, i128> =
            network.zones.iter().map(|zone| (zone.zone, i128::from(zone.fee.n_per_wh()))).collect();
        if fees.len() < network.zones.len() {
            return wrong("network: a zone is there twice");
        }
        let ways = network.links.iter().flat_map(|link| [link.up.fee, link.down.fee]);
        if fees.values().any(|&fee| fee < 0) || ways.into_iter().any(|fee| fee.n_per_wh() < 0) {
            return wrong("network: a fee is negative");
        }
        let places: BTreeMap<ZoneId, usize> =
            fees.keys().enumerate().map(|(place, &zone)| (zone, place)).collect();
        let areas = fees.iter().map(|(&zone, &fee)| Area::alone(zone, fee)).collect();
        let mut tree = Tree { areas, bottom_up: Vec::new(), places };
        tree.join(network)?;
        tree.sort()?;
        Ok(tree)
    }

    /// The number of a zone.
    pub(super) fn place(&self, zone: ZoneId) -> Option<usize> {
        self.places.get(&zone).copied()
    }

    /// The way from a seller to a buyer; `None` where there is none.
    pub(super) fn path(&self, seller: usize, buyer: usize) -> Option<Path> {
        let (mut from, mut to) = (seller, buyer);
        let mut path = Path::default();
        while from != to {
            let climbs = self.areas[from].depth >= self.areas[to].depth;
            let (end, passed) =
                if climbs { (&mut from, &mut path.up) } else { (&mut to, &mut path.down) };
            passed.push(*end);
            *end = self.areas[*end].parent?;
        }
        path.top = from;
        Some(path)
    }

    /// What a watt-hour pays from a seller to a buyer; `None` where no energy can go that way.
    pub(super) fn path_fee(&self, seller: usize, buyer: usize) -> Option<i128> {
        let path = self.path(seller, buyer)?;
        let up = path.up.iter().map(|&area| self.areas[area].up);
        let lines = up.chain(path.down.iter().map(|&area| self.areas[area].down));
        let top = self.areas[path.top].fee;
        lines.into_iter().try_fold(top, |fee, line| (line.capacity > 0).then_some(fee + line.fee))
    }

    fn join(&mut self, network: &Network) -> Result<(), Refusal> {
        for link in &network.links {
            let ends = (self.place(link.zone), self.place(link.parent));
            let (Some(place), Some(parent)) = ends else {
                return Err(Refusal::Rules("network: a link ends in no zone"));
            };
            if self.areas[place].parent.is_some() {
                return Err(Refusal::Rules("network: a zone has two parents"));
            }
            let parent_fee = self.areas[parent].fee;
            let area = &mut self.areas[place];
            (area.up, area.down) = (Line::of(link.up), Line::of(link.down));
            area.parent = Some(parent);
            area.step_down = parent_fee + area.down.fee - area.fee;
            if area.step_down < 0 {
                return Err(Refusal::Rules("network: a zone's fee is above that from its parent"));
            }
        }
        for place in 0..self.areas.len() {
            if let Some(parent) = self.areas[place].parent {
                self.areas[parent].children.push(place);
            }
        }
        Ok(())
    }

    /// Finds the order of areas; what no root leads to goes round in a circle.
    fn sort(&mut self) -> Result<(), Refusal> {
        let roots = (0..self.areas.len()).filter(|&place| self.areas[place].parent.is_none());
        let mut order: Vec<usize> = roots.collect();
        let mut next = 0;
        while let Some(&place) = order.get(next) {
            let children = self.areas[place].children.clone();
            for &child in &children {
                self.areas[child].depth = self.areas[place].depth + 1;
            }
            order.extend(children);
            next += 1;
        }
        if order.len() < self.areas.len() {
            return Err(Refusal::Rules("network: links go round in a circle"));
        }
        order.reverse();
        self.bottom_up = order;
        Ok(())
    }
}

impl Area {
    fn alone(zone: ZoneId, fee: i128) -> Area {
        Area {
            zone,
            fee,
            parent: None,
            children: Vec::new(),
            up: Line::CLOSED,
            down: Line::CLOSED,
            step_down: 0,
            depth: 0,
        }
    }
}
