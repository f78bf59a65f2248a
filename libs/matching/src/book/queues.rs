//! The resting orders: one queue for each price, all in one slab.
//!
//! A queue is a ring of links that begins and ends at the link of its price, so an order joins and
//! leaves without a question about neighbours. The links of prices come first in the slab, then
//! those of orders; what else is known of an order lies beside them, so that joining and leaving
//! touch few lines of memory.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
}

/// A resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// What is open of it.
    pub(super) quantity: u64,
    pub(super) owner: u32,
    /// Its name.
    pub(super) order: u32,
    /// Its price, counted from the lowest.
    pub(super) price: u32,
    pub(super) flags: u32,
}

/// Queues of orders, by price.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    prices: u32,
    links: Vec<Link>,
    orders: Vec<Order>,
    /// The first slot that is free again; the others follow by their links.
    free: u32,
    resting: u32,
}

impl Queues {
    /// An empty queue for each of `prices` prices.
    pub(super) fn new(prices: u32) -> Queues {
        let links = (0..prices).map(|price| Link { next: price, previous: price }).collect();
        Queues { prices, links, orders: Vec::new(), free: NONE, resting: 0 }
    }

    /// How many orders rest.
    #[inline]
    pub(super) fn resting(&self) -> u32 {
        self.resting
    }

    #[inline]
    pub(super) fn at(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.orders[slot as usize]
    }

    /// The slot of the order that came first to this price, or [`NONE`].
    #[inline]
    pub(super) fn first(&self, price: u32) -> u32 {
        self.slot(self.links[price as usize].next)
    }

    /// The slot of the order behind this one at its price, or [`NONE`].
    #[inline]
    pub(super) fn after(&self, slot: u32) -> u32 {
        self.slot(self.links[(self.prices + slot) as usize].next)
    }

    #[inline]
    fn slot(&self, link: u32) -> u32 {
        if link < self.prices { NONE } else { link - self.prices }
    }

    /// Puts an order behind all others at its price; gives its slot.
    #[inline]
    pub(super) fn join(&mut self, order: Order) -> u32 {
        let slot = if self.free == NONE { self.grow(order) } else { self.reuse(order) };
        let (link, price) = (self.prices + slot, order.price);
        let last = self.links[price as usize].previous;
        self.links[link as usize] = Link { next: price, previous: last };
        self.links[price as usize].previous = link;
        self.links[last as usize].next = link;
        self.resting += 1;
        slot
    }

    #[inline]
    fn reuse(&mut self, order: Order) -> u32 {
        let slot = self.free;
        self.free = self.links[(self.prices + slot) as usize].next;
        self.orders[slot as usize] = order;
        slot
    }

    #[cold]
    fn grow(&mut self, order: Order) -> u32 {
        let slot = u32::try_from(self.orders.len()).expect("the book bounds its orders");
        self.orders.push(order);
        self.links.push(Link { next: NONE, previous: NONE });
        slot
    }

    /// Takes an order out; says whether it was the last at its price.
    #[inline]
    pub(super) fn leave(&mut self, slot: u32) -> bool {
        let link = self.prices + slot;
        let Link { next, previous } = self.links[link as usize];
        self.links[next as usize].previous = previous;
        self.links[previous as usize].next = next;
        self.links[link as usize].next = self.free;
        self.free = slot;
        self.resting -= 1;
        next == previous
    }
}
