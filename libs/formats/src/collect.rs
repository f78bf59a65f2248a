//! How a decoder puts readings together.

use std::sync::Arc;

use crate::canonical::{Phase, Point, Quality, Reading, Source, Trust, When};
use crate::number::Number;
use crate::quantity::{Quantity, Unit, value};
use crate::{READINGS_MAX, Reason};

/// What a field means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct What {
    pub(crate) quantity: Quantity,
    pub(crate) unit: Unit,
    pub(crate) phase: Option<Phase>,
    pub(crate) tariff: Option<u8>,
    /// Is it both directions in one, with `quantity` as the positive one?
    pub(crate) is_net: bool,
}

impl What {
    /// A quantity in a unit.
    pub(crate) const fn of(quantity: Quantity, unit: Unit) -> What {
        What { quantity, unit, phase: None, tariff: None, is_net: false }
    }

    /// A power with a sign: `quantity` when positive, its opposite when negative.
    pub(crate) const fn net(quantity: Quantity, unit: Unit) -> What {
        What { is_net: true, ..What::of(quantity, unit) }
    }

    /// The same of phase 1, 2 or 3; of the whole for any other number.
    pub(crate) const fn phase(self, number: u8) -> What {
        What { phase: Phase::number(number), ..self }
    }

    /// The same between two phases, or of the neutral.
    pub(crate) const fn conductor(self, phase: Phase) -> What {
        What { phase: Some(phase), ..self }
    }

    /// The same of one tariff's register.
    pub(crate) const fn tariff(self, number: u8) -> What {
        What { tariff: Some(number), ..self }
    }

    /// The same seen from the other side: what a generator exports is what its field counts up.
    pub(crate) const fn reversed(self) -> What {
        What { quantity: self.quantity.opposite(), ..self }
    }
}

/// What is common to the readings that follow.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) device: Option<Arc<str>>,
    pub(crate) channel: Option<Arc<str>>,
    pub(crate) time: When,
    pub(crate) point: Point,
    pub(crate) quality: Quality,
    pub(crate) trust: Trust,
}

impl About {
    /// An unsigned payload without a time, about a device at a point.
    pub(crate) fn device(device: Option<&str>, point: Point) -> About {
        let device = device.map(str::trim).filter(|name| !name.is_empty()).map(Arc::from);
        About {
            device,
            channel: None,
            time: When::OnReceipt,
            point,
            quality: Quality::Measured,
            trust: Trust::Unsigned,
        }
    }

    /// The same about a part of the device.
    pub(crate) fn channel(self, channel: &str) -> About {
        About { channel: Some(Arc::from(channel)), ..self }
    }
}

/// The readings so far.
#[derive(Debug, Default)]
pub(crate) struct Collected(Vec<Reading>);

impl Collected {
    pub(crate) fn into_readings(self) -> Vec<Reading> {
        self.0
    }

    /// Adds what `number` says. What has a sign gives both directions, one of them zero, so that
    /// whoever follows only one of them sees it end.
    pub(crate) fn add(
        &mut self,
        about: &About,
        what: What,
        number: &Number,
        path: &str,
    ) -> Result<(), Reason> {
        if !what.is_net {
            return self.push(about, what, what.quantity, number.decimal, number, path);
        }
        let none = units::Decimal::new(0, 0);
        let (there, back) = match number.decimal.is_negative() {
            true => (none, number.decimal.magnitude()),
            false => (number.decimal, none),
        };
        self.push(about, what, what.quantity, there, number, path)?;
        self.push(about, what, what.quantity.opposite(), back, number, path)
    }

    fn push(
        &mut self,
        about: &About,
        what: What,
        quantity: Quantity,
        decimal: units::Decimal,
        number: &Number,
        path: &str,
    ) -> Result<(), Reason> {
        if self.0.len() >= READINGS_MAX {
            let (got, max) = (self.0.len() + 1, READINGS_MAX);
            return Err(Reason::Size { what: "readings", got, max });
        }
        let value = value(quantity, decimal, what.unit)?;
        self.0.push(Reading {
            device: about.device.clone(),
            channel: about.channel.clone(),
            time: about.time,
            point: about.point,
            quantity,
            phase: what.phase,
            tariff: what.tariff,
            value,
            quality: about.quality,
            source: Source {
                path: path.to_owned(),
                text: number.text.clone().into_owned(),
                unit: what.unit.name(),
            },
            trust: about.trust.clone(),
        });
        Ok(())
    }
}
