//! Topic filters: a tree of them, and whether one takes a topic in.
//!
//! Invariant: what [`Tree::each`] finds for a topic are the values under the filters of which
//! [`takes`] says that they take it in. A wildcard in the first level takes in nothing that
//! begins with `$`.

use std::collections::HashMap;

/// Levels of a topic or filter at most.
pub(super) const LEVELS_MAX: usize = 64;

/// Bytes that a tree may take, about: half a million levels.
const BYTES_MAX: usize = 256 << 20;
/// Bytes of a level besides its name, and of a value besides its filter, about.
const NODE_BYTES: usize = 512;
const VALUE_BYTES: usize = 256;

/// What a filter for one member of a group begins with.
const SHARE: &str = "$share/";

/// The filter of a shared subscription without the name of its group; `None` where it is none, or
/// names no group or no filter.
pub(super) fn shared(filter: &str) -> Option<&str> {
    let (group, shared) = filter.strip_prefix(SHARE)?.split_once('/')?;
    let fine = !group.is_empty() && !group.contains(['+', '#']) && !shared.is_empty();
    fine.then_some(shared)
}

/// Whether it wants to be a shared subscription.
pub(super) fn wants_shared(filter: &str) -> bool {
    filter.starts_with(SHARE)
}

/// Whether a topic has too many levels.
pub(super) fn is_too_deep(topic: &str) -> bool {
    is_deeper(topic, LEVELS_MAX)
}

/// Whether a topic or filter has more levels than so many.
pub(super) fn is_deeper(topic: &str, levels: usize) -> bool {
    topic.split('/').nth(levels).is_some()
}

/// What is before the first wildcard.
pub(super) fn fixed(filter: &str) -> &str {
    &filter[..filter.find(['+', '#']).unwrap_or(filter.len())]
}

/// Whether `filter` takes in `topic`.
pub(super) fn takes(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filters, mut topics) = (filter.split('/'), topic.split('/'));
    loop {
        match (filters.next(), topics.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some(level), Some(name)) if level == "+" || level == name => {}
            _ => return false,
        }
    }
}

/// Values under filters.
#[derive(Debug)]
pub(super) struct Tree<T> {
    root: Node<T>,
    /// What it takes, about.
    bytes: usize,
}

/// A tree has no room for a further filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
struct Node<T> {
    here: Vec<T>,
    below: HashMap<Box<str>, Node<T>>,
}

impl<T> Default for Node<T> {
    fn default() -> Node<T> {
        Node { here: Vec::new(), below: HashMap::new() }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { root: Node::default(), bytes: 0 }
    }
}

impl<T> Tree<T> {
    /// Puts `value` under `filter`.
    pub(super) fn put(&mut self, filter: &str, value: T) -> Result<(), Full> {
        // As if none of its levels was there.
        let levels: usize = filter.split('/').map(|level| NODE_BYTES + level.len()).sum();
        if self.bytes + levels + value_bytes(filter) > BYTES_MAX {
            return Err(Full);
        }
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = node.below.entry(level.into()).or_insert_with(|| {
                self.bytes += NODE_BYTES + level.len();
                Node::default()
            });
        }
        node.here.push(value);
        self.bytes += value_bytes(filter);
        Ok(())
    }

    /// The values under `filter`.
    pub(super) fn under(&mut self, filter: &str) -> &mut [T] {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            let Some(below) = node.below.get_mut(level) else { return &mut [] };
            node = below;
        }
        &mut node.here
    }

    /// Takes away the values under `filter` that are `of`.
    pub(super) fn remove(&mut self, filter: &str, of: impl Fn(&T) -> bool) {
        let mut gone = 0;
        let mut counted = |value: &T| {
            let is_gone = of(value);
            gone += if is_gone { value_bytes(filter) } else { 0 };
            is_gone
        };
        let (_, levels) = self.root.remove(Some(filter), &mut counted);
        self.bytes -= gone + levels;
    }

    /// Shows every value whose filter takes in `topic`.
    pub(super) fn each<'a>(&'a self, topic: &str, found: &mut impl FnMut(&'a T)) {
        let wild = !topic.starts_with('$');
        self.root.each(Some(topic), wild, found);
    }
}

impl<T> Node<T> {
    /// Says whether nothing is left, and what the levels took that are gone.
    fn remove(&mut self, rest: Option<&str>, of: &mut dyn FnMut(&T) -> bool) -> (bool, usize) {
        let mut gone = 0;
        match rest {
            None => self.here.retain(|value| !of(value)),
            Some(rest) => {
                let (level, rest) = next(rest);
                if let Some(node) = self.below.get_mut(level) {
                    let (empty, levels) = node.remove(rest, of);
                    gone = levels;
                    if empty {
                        self.below.remove(level);
                        gone += NODE_BYTES + level.len();
                    }
                }
            }
        }
        (self.here.is_empty() && self.below.is_empty(), gone)
    }

    fn each<'a>(&'a self, rest: Option<&str>, wild: bool, found: &mut impl FnMut(&'a T)) {
        // `a/#` takes in `a` as well.
        if wild && let Some(node) = self.below.get("#") {
            node.here.iter().for_each(&mut *found);
        }
        let Some(rest) = rest else { return self.here.iter().for_each(found) };
        let (level, rest) = next(rest);
        if let Some(node) = self.below.get(level) {
            node.each(rest, true, found);
        }
        if wild && let Some(node) = self.below.get("+") {
            node.each(rest, true, found);
        }
    }
}

fn value_bytes(filter: &str) -> usize {
    VALUE_BYTES + filter.len()
}

/// The first level and, where there are more, the rest.
fn next(levels: &str) -> (&str, Option<&str>) {
    match levels.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (levels, None),
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn a_filter_takes_in_what_the_protocol_says() {
        let check = |filter: &str, topic: &str, expected: bool| {
            assert_eq!(takes(filter, topic), expected, "{filter} {topic}");
        };
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("+", "/a", false),
            ("#", "/", true),
            ("a/+/c", "a/b/c", true),
            ("A", "a", false),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("$SYS/+", "$SYS/a", true),
        ] {
            check(filter, topic, expected);
        }
    }

    #[test]
    fn a_group_and_a_filter_make_a_shared_subscription() {
        assert_eq!(shared("$share/readers/a/#"), Some("a/#"));
        assert_eq!(shared("$share/readers//a"), Some("/a"));
        for none in
            ["a/b", "$share/readers", "$share/readers/", "$share//a", "$shared/r/a", "$share/+/a"]
        {
            assert_eq!(shared(none), None, "{none}");
        }
    }

    #[test]
    fn a_tree_has_so_much_room_and_no_more() {
        let mut tree = Tree::default();
        let long = "x".repeat(60_000);
        let mut number = 0;
        while tree.put(&format!("{number}/{long}"), number) == Ok(()) {
            number += 1;
        }
        assert!((2_000..3_000).contains(&number), "{number}");
        assert_eq!(tree.put("short", 0), Ok(()));
        tree.remove(&format!("7/{long}"), |_| true);
        assert_eq!(tree.put(&format!("7/{long}"), 7), Ok(()));
    }

    #[test]
    fn the_tree_finds_what_the_filters_take_in() {
        let mut random = StdRng::seed_from_u64(311);
        let some = |random: &mut StdRng, levels: &[&str]| {
            let count = random.random_range(1..5);
            let names: Vec<_> = (0..count).map(|_| *levels.choose(random).unwrap()).collect();
            names.join("/")
        };
        let mut tree = Tree::default();
        let mut filters = Vec::new();
        for number in 0..400 {
            let mut filter = some(&mut random, &["a", "b", "", "$x", "+"]);
            if random.random_ratio(1, 3) {
                filter.push_str("/#");
            }
            tree.put(&filter, number).unwrap();
            filters.push(filter);
        }
        for round in 0..2 {
            for _ in 0..2_000 {
                let topic = some(&mut random, &["a", "b", "", "$x"]);
                let mut found = Vec::new();
                tree.each(&topic, &mut |number: &usize| found.push(*number));
                found.sort_unstable();
                let numbered = filters.iter().enumerate().filter(|(number, _)| {
                    // The second half is taken away after the first round.
                    round == 0 || *number < 200
                });
                let takes = numbered.filter(|(_, filter)| takes(filter, &topic));
                assert_eq!(found, takes.map(|(number, _)| number).collect::<Vec<_>>(), "{topic}");
            }
            for (number, filter) in filters.iter().enumerate().skip(200) {
                tree.remove(filter, |value| *value == number);
            }
        }
        for (number, filter) in filters.iter().enumerate() {
            tree.remove(filter, |value| *value == number);
        }
        assert!(tree.root.below.is_empty(), "no level stays behind");
        assert_eq!(tree.bytes, 0);
    }
}
