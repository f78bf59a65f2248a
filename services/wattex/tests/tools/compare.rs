//! Two results that have to be equal, but for what may differ and why.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A part of a result that may differ: names joined by dots, `*` for any one name; everything below
/// it may differ too.
pub struct MayDiffer<'p> {
    path: &'p str,
    why: &'static str,
    said: Said,
}

/// What the two may say there.
enum Said {
    Anything,
    /// Ours this and theirs that.
    These([Value; 2]),
    /// Ours nothing, theirs a zero.
    NothingForZero,
}

pub const BLOB: &str = "ours has no blobs, and geth names their price only where there are some";
pub const EMPTY: &str = "like today's geth, ours leaves out an account that was not there before";
pub const ESTIMATE: &str = "like geth, ours stops within 1.5 % above what is needed";
pub const LIMIT: &str = "the limit as with geth; anvil tells what is left when the code begins";
pub const NO_BLOBS: &str = "anvil prices blobs, which ours does not have";
pub const PLACE: &str = "the hash and the time of a block are its node's own";
pub const WORDING: &str = "ours uses geth's words and codes";

pub const fn may_differ<'p>(path: &'p str, why: &'static str) -> MayDiffer<'p> {
    MayDiffer { path, why, said: Said::Anything }
}

/// One value that differs, and what it is on both sides.
pub fn differs<'p>(
    path: &'p str,
    ours: impl Into<Value>,
    theirs: impl Into<Value>,
    why: &'static str,
) -> MayDiffer<'p> {
    MayDiffer { path, why, said: Said::These([ours.into(), theirs.into()]) }
}

/// Zeros that theirs tells and ours leaves out.
pub const fn zeros_left_out<'p>(path: &'p str, why: &'static str) -> MayDiffer<'p> {
    MayDiffer { path, why, said: Said::NothingForZero }
}

impl MayDiffer<'_> {
    fn allows(&self, path: &str, ours: Option<&Value>, theirs: Option<&Value>) -> bool {
        covers(self.path, path)
            && match &self.said {
                Said::Anything => true,
                Said::These([our, their]) => ours == Some(our) && theirs == Some(their),
                Said::NothingForZero => ours.is_none() && theirs.is_some_and(is_zero),
            }
    }
}

fn is_zero(value: &Value) -> bool {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit == b'0'))
}

/// Every leaf of `value` by its path.
fn leaves(value: &Value, path: &str, into: &mut BTreeMap<String, Value>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, one)| leaves(one, &below(name), into));
        }
        Value::Array(list) if !list.is_empty() => {
            for (place, one) in list.iter().enumerate() {
                leaves(one, &below(&place.to_string()), into);
            }
        }
        leaf => {
            into.insert(path.to_owned(), leaf.clone());
        }
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    let mut names = path.split('.');
    pattern
        .split('.')
        .all(|wanted| names.next().is_some_and(|name| wanted == "*" || wanted == name))
}

/// What differs although it may not, and entries of the list that nothing needs.
pub fn differences(ours: &Value, theirs: &Value, allowed: &[MayDiffer<'_>]) -> Vec<String> {
    let (mut our, mut their) = (BTreeMap::new(), BTreeMap::new());
    leaves(ours, "", &mut our);
    leaves(theirs, "", &mut their);
    let paths: BTreeSet<&String> = our.keys().chain(their.keys()).collect();
    let differing: Vec<&String> =
        paths.into_iter().filter(|path| our.get(*path) != their.get(*path)).collect();
    let mut told = Vec::new();
    for path in &differing {
        let (our, their) = (our.get(*path), their.get(*path));
        if !allowed.iter().any(|one| one.allows(path, our, their)) {
            let shown = |side: Option<&Value>| side.map_or("nothing".to_owned(), Value::to_string);
            told.push(format!("{path}: ours {}, theirs {}", shown(our), shown(their)));
        }
    }
    for MayDiffer { path, why, .. } in allowed {
        if !differing.iter().any(|differing| covers(path, differing)) {
            told.push(format!("{path} may differ ({why}) and does not"));
        }
    }
    told
}

/// Asserts that there are no [`differences`].
pub fn same(name: &str, ours: &Value, theirs: &Value, allowed: &[MayDiffer<'_>]) {
    let told = differences(ours, theirs, allowed);
    assert!(told.is_empty(), "{name}:\n{}", told.join("\n"));
}

#[test]
fn a_difference_is_told_unless_it_may_be_one() {
    let ours = serde_json::json!({ "a": [1, { "b": 2 }], "c": 3, "e": [] });
    let theirs = serde_json::json!({ "a": [1, { "b": 4 }], "d": 3, "e": [] });
    let told = differences(&ours, &theirs, &[]);
    assert_eq!(
        told,
        ["a.1.b: ours 2, theirs 4", "c: ours 3, theirs nothing", "d: ours nothing, theirs 3"]
    );
    let allowed = [may_differ("a.*.b", "x"), may_differ("c", "y"), may_differ("d", "z")];
    assert_eq!(differences(&ours, &theirs, &allowed), [] as [String; 0]);
    let stale =
        [may_differ("a", "x"), may_differ("c", "y"), may_differ("d", "z"), may_differ("e", "w")];
    assert_eq!(differences(&ours, &theirs, &stale), ["e may differ (w) and does not"]);
}

#[test]
fn what_differs_by_two_known_values_may_have_no_other() {
    let [ours, theirs] = ["low", "too low"].map(|text| serde_json::json!({ "a": text }));
    let known = [differs("a", "low", "too low", "x")];
    assert_eq!(differences(&ours, &theirs, &known), [] as [String; 0]);
    let drifted = [differs("a", "lower", "too low", "x")];
    let told = ["a: ours \"low\", theirs \"too low\""];
    assert_eq!(differences(&ours, &theirs, &drifted), told);
    let same = ["a may differ (x) and does not"];
    assert_eq!(differences(&ours, &ours, &known), same);
}

#[test]
fn a_zero_may_be_left_out_and_nothing_else() {
    let none = serde_json::json!({ "c": 1 });
    let theirs = serde_json::json!({ "a": "0x00", "b": "0x1", "c": 1 });
    let known = [zeros_left_out("a", "x"), zeros_left_out("b", "y")];
    let told = ["b: ours nothing, theirs \"0x1\""];
    assert_eq!(differences(&none, &theirs, &known), told);
    let one = serde_json::json!({ "a": "0x0", "b": "0x1", "c": 1 });
    let told = ["a: ours \"0x0\", theirs \"0x00\"", "b may differ (y) and does not"];
    assert_eq!(differences(&one, &theirs, &known), told);
}
