//! A case in one plain sentence.

use ids::AccountId;

use crate::{Case, Kind};

/// How many accounts a sentence names.
const NAMES_MAX: usize = 5;

impl Case {
    /// What is suspicious, in words; `name` says how readers know an account.
    pub fn sentence(&self, name: impl Fn(AccountId) -> String) -> String {
        let accounts = self.accounts();
        let mut names: Vec<String> = accounts.iter().take(NAMES_MAX).map(|a| name(*a)).collect();
        let rest = accounts.len().saturating_sub(NAMES_MAX);
        if rest > 0 {
            names.push(format!("{rest} more"));
        }
        let who = list(&names);
        let times = self.incidents.len() as u64 + self.incidents_left_out;
        let (energy, slots) = (self.energy_wh(), self.slots().len());
        let when = match self.span() {
            Some((first, last)) if first == last => format!("on {}", day(&first.to_string())),
            Some((first, last)) => {
                let (first, last) = (day(&first.to_string()), day(&last.to_string()));
                if first == last {
                    format!("on {first}")
                } else {
                    format!("from {first} to {last}")
                }
            }
            None => "never".to_owned(),
        };
        let times = counted(times, "time", "times");
        let slots = counted(slots as u64, "slot", "slots");
        match self.kind {
            Kind::W1 => format!(
                "{who} belong to one owner and traded {energy} Wh with each other, {times} {when}."
            ),
            Kind::W2 => format!(
                "{who} sold each other about as much as they bought back, {energy} Wh in all, on \
                 {times} {when}.",
                times = times.replace("time", "day"),
            ),
            Kind::L1 => format!(
                "{who} took back large orders of one side, {energy} Wh in all, just before the \
                 gate and nearly all orders of the day, {when}."
            ),
            Kind::H1 => format!(
                "{who} offered less than half of what was available while the price was far above \
                 its reference, {energy} Wh short, {times} {when}."
            ),
            Kind::M1 => format!(
                "{who} sold {energy} Wh in {slots} in which next to nothing was fed in, {when}."
            ),
            Kind::M2 => format!(
                "{who} took energy from the grid after dark and sold {energy} Wh of it as made by \
                 the sun, {times} {when}."
            ),
            Kind::B1 => format!(
                "{who} moved their limits to the same prices slot after slot, {times} {when}."
            ),
            Kind::P1 => format!(
                "{who} bought most of what was traded, {energy} Wh, at prices far above the \
                 reference at the same time of day, {times} {when}."
            ),
        }
    }
}

fn day(moment: &str) -> String {
    moment.chars().take(10).collect()
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn list(names: &[String]) -> String {
    match names {
        [] => "Somebody".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
