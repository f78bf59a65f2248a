//! What was found, in words or as JSON.

use anyhow::Result;
use billing::domain::challenge::{Cut, Judged, Stage};
use calendar::Timestamp;
use contracts::Side;
use serde_json::{Value, json};
use units::{Energy, Money};

use super::Arguments;
use super::look::{Found, Look, Outcome};
use crate::amount::shown;

/// Prints it.
pub fn print(look: &Look<'_>, found: &[Found], arguments: &Arguments) -> Result<()> {
    if arguments.json {
        let sides: Vec<Value> = found.iter().map(side_json).collect();
        let whole = json!({ "trade": look.trade, "sides": sides });
        println!("{}", serde_json::to_string_pretty(&whole)?);
        return Ok(());
    }
    println!("Trade {}", look.trade);
    for one in found {
        print_side(one);
    }
    if let (Some(path), true) = (&arguments.out, found.iter().any(Found::stands)) {
        println!();
        println!("The call is in {}: any wallet can send it.", path.display());
    }
    Ok(())
}

fn print_side(found: &Found) {
    let case = &found.case;
    let [begin, end] = case.slot().map(moment);
    let who = if found.side == Side::Sell { "seller" } else { "buyer" };
    println!();
    println!("The {who}'s meter at {} ({})", case.point, case.account);
    println!("  slot        {begin} to {end}");
    match &found.outcome {
        Outcome::NotRead => {
            println!("  UNPROVED: no anchored reading of it at both ends of the slot");
        }
        Outcome::Flawed(flaw) if flaw.is_of_the_anchor() => println!("  UNPROVED: {flaw}"),
        Outcome::Flawed(flaw) => println!("  BAD EVIDENCE: {flaw}"),
        Outcome::Judged { registers, judged, .. } => print_judged(found, *registers, judged),
    }
}

fn print_judged(found: &Found, [from, to]: [u64; 2], judged: &Judged) {
    let (verb, did) = match found.side {
        Side::Sell => ("fed in", "fed in"),
        Side::Buy => ("taken", "took"),
    };
    println!("  registers   {from} Wh to {to} Wh: {} Wh {verb}", judged.registered.wh());
    let count = found.case.trades.len();
    println!("  reconciled  {} Wh as delivered, of {count} trades", judged.claimed.wh());
    for cut in &judged.cuts {
        println!("  {}", in_words(cut));
    }
    let sent = found.sent.as_ref();
    if judged.cuts.is_empty() {
        println!("  FITS: no more was reconciled than the meter {did}");
    } else if sent.is_some_and(|sent| sent.cut) {
        let by = sent.and_then(|sent| sent.transaction);
        let by = by.map_or_else(String::new, |hash| format!(", by {hash}"));
        println!("  CUT: a block has the challenge{by}");
    } else {
        println!("  {}", excess(judged, did));
        if let Some(reason) = sent.and_then(|sent| sent.reason.as_ref()) {
            println!("  NOT SENT: {reason}");
        }
        println!("  {}", window(found));
    }
}

/// What is too much.
fn excess(judged: &Judged, did: &str) -> String {
    match judged.excess() {
        Energy::ZERO => {
            "EXCESS: the other side is said not to have taken or given what this meter never had"
                .to_owned()
        }
        excess => format!("EXCESS: {} Wh more than the meter {did}", excess.wh()),
    }
}

/// What a cut changes.
fn in_words(cut: &Cut) -> String {
    let (before, after) = (cut.before.delivered.wh(), cut.after.delivered.wh());
    let gets = |who: &str, amount: Money| match shown(amount).strip_prefix('-') {
        Some(less) => format!("the {who} gives back {less}"),
        None => format!("the {who} gets {}", shown(amount)),
    };
    let (buyer, seller) = (gets("buyer", cut.buyer), gets("seller", cut.seller));
    format!("trade {}: {before} Wh become {after} Wh; {buyer}, {seller}", cut.after.trade)
}

/// Whether a challenge is taken now.
fn window(found: &Found) -> String {
    let window = found.case.window();
    let (opens, closes) = (moment(window.opens), moment(window.closes));
    match found.stage() {
        Stage::Early => format!("Corrections are open: challenges from {opens} until {closes}"),
        Stage::Open => format!("Challenges are taken until {closes} (--send, --relay or --out)"),
        Stage::Over => format!("Too late: challenges ended at {closes}, what was paid stays"),
    }
}

fn side_json(found: &Found) -> Value {
    let (case, window) = (&found.case, found.case.window());
    let mut value = json!({
        "side": found.side,
        "address": case.account,
        "connection_point": case.point.to_string(),
        "slot": moment(case.slot()[0]),
        "trades": case.trades.len(),
        "window": found.stage().name(),
        "opens": moment(window.opens),
        "closes": moment(window.closes),
    });
    let more = match &found.outcome {
        Outcome::NotRead => json!({ "verdict": "unproved", "code": "NOT_READ" }),
        Outcome::Flawed(flaw) => json!({
            "verdict": if flaw.is_of_the_anchor() { "unproved" } else { "bad_evidence" },
            "code": flaw.code(),
            "detail": flaw.to_string(),
        }),
        Outcome::Judged { judged, call, .. } => json!({
            "verdict": verdict(found),
            "registered_wh": judged.registered.wh(),
            "reconciled_wh": judged.claimed.wh(),
            "excess_wh": judged.excess().wh(),
            "cuts": judged.cuts.iter().map(cut_json).collect::<Vec<Value>>(),
            "call": (!judged.cuts.is_empty()).then(|| json!({ "to": call.to, "data": call.data })),
            "sent": found.sent.as_ref().map(|sent| json!({
                "transaction": sent.transaction, "cut": sent.cut, "reason": sent.reason,
            })),
        }),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn verdict(found: &Found) -> &'static str {
    match (found.stands(), &found.sent) {
        (true, _) => "excess",
        (false, Some(sent)) if sent.cut => "cut",
        (false, _) => "fits",
    }
}

fn cut_json(cut: &Cut) -> Value {
    json!({
        "trade": cut.after.trade,
        "delivered_before_wh": cut.before.delivered.wh(),
        "delivered_wh": cut.after.delivered.wh(),
        "seller_short_wh": cut.after.seller_short.wh(),
        "buyer_short_wh": cut.after.buyer_short.wh(),
        "buyer_gets": cut.buyer,
        "seller_gets": cut.seller,
    })
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds.cast_signed())
}
