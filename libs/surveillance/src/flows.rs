//! What connection points sold, bought, fed in and took, slot by slot.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::ConnectionPointId;
use serde::Serialize;
use units::Energy;

use crate::Metered;
use crate::owners::Full;

/// The most pairs of a connection point and a slot that are remembered.
pub const FLOWS_MAX: usize = 2_000_000;

/// What was metered, as the highest version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Known {
    pub(crate) version: u32,
    pub(crate) import: Option<Energy>,
    pub(crate) export: Option<Energy>,
    pub(crate) dark: bool,
}

/// A connection point in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Flow {
    pub(crate) sold: Energy,
    pub(crate) bought: Energy,
    pub(crate) known: Option<Known>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Flows {
    points: BTreeMap<ConnectionPointId, BTreeMap<Timestamp, Flow>>,
    count: usize,
}

impl Flows {
    /// Notes what was metered; whether that is news.
    pub(crate) fn meter(&mut self, metered: &Metered) -> Result<bool, Full> {
        let flow = self.flow(metered.connection_point, metered.slot)?;
        if flow.known.is_some_and(|known| known.version >= metered.version) {
            return Ok(false);
        }
        let Metered { version, import, export, dark, .. } = *metered;
        flow.known = Some(Known { version, import, export, dark });
        Ok(true)
    }

    /// Where to note what was traded.
    pub(crate) fn flow(
        &mut self,
        point: ConnectionPointId,
        slot: Timestamp,
    ) -> Result<&mut Flow, Full> {
        let slots = self.points.entry(point).or_default();
        if !slots.contains_key(&slot) {
            if self.count >= FLOWS_MAX {
                return Err(Full);
            }
            self.count += 1;
        }
        Ok(slots.entry(slot).or_default())
    }

    /// The slots of a connection point, in order.
    pub(crate) fn of(
        &self,
        point: ConnectionPointId,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, &Flow)> {
        let slots = self.points.get(&point).into_iter().flatten();
        slots.map(|(slot, flow)| (*slot, flow))
    }

    /// One slot of a connection point.
    pub(crate) fn get(&self, point: ConnectionPointId, slot: Timestamp) -> Option<&Flow> {
        self.points.get(&point)?.get(&slot)
    }

    /// Forgets what started before `moment`.
    pub(crate) fn forget(&mut self, moment: Timestamp) {
        for slots in self.points.values_mut() {
            *slots = slots.split_off(&moment);
        }
        self.points.retain(|_, slots| !slots.is_empty());
        self.count = self.points.values().map(BTreeMap::len).sum();
    }
}
