//! Lines whose client has not said yet who it is, counted by address: one host that opens lines and
//! says nothing shall not take the places of all meters.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many such lines each address has; an address without one is not kept.
#[derive(Debug, Clone)]
pub(crate) struct Strangers {
    each_max: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Strangers {
    pub(crate) fn new(each_max: usize) -> Strangers {
        Strangers { each_max, open: Arc::default() }
    }

    /// A place for one more line of `address`; none if it has as many as it may.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Stranger> {
        let address = address.to_canonical();
        let mut open = self.open();
        let count = open.entry(address).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Stranger { address, of: self.clone() })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A count is whole between any two steps.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line whose client is unknown; dropped when it is known or gone.
#[derive(Debug)]
pub(crate) struct Stranger {
    address: IpAddr,
    of: Strangers,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut open = self.of.open();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_lines_and_no_other_suffers() {
        let strangers = Strangers::new(2);
        let [one, mapped, other] =
            ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let first = strangers.enter(one).unwrap();
        let second = strangers.enter(mapped).unwrap();
        assert!(strangers.enter(one).is_none());
        assert!(strangers.enter(other).is_some());
        drop(first);
        assert!(strangers.enter(one).is_some(), "and what is dropped at once is free again");
        drop(second);
        assert!(strangers.open().is_empty());
    }
}
