//! A run that keeps a pace: it is not faster than that, its blocks keep step, nothing is lost.

use std::time::{Duration, Instant};

use calendar::Timestamp;
use reqwest::Client;
use serde_json::Value;

use crate::days::{check_identities, count};
use crate::program::{Place, Running};

/// A day in fifteen seconds.
const FACTOR: u32 = 5_760;
const HOUR: i64 = 3_600;
/// The gate closes so long before the slot.
const GATE: i64 = 900;
/// How far a block's time may be ahead of the clock.
const AHEAD_MAX: i64 = 15;

async fn items(url: &str, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let response = Client::new().get(format!("{url}{path}?limit=100{cursor}")).send().await;
        let page: Value = response.unwrap().error_for_status().unwrap().json().await.unwrap();
        all.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn time(of: &Value) -> i64 {
    of.as_str().unwrap().parse::<Timestamp>().unwrap().seconds()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_its_pace_and_the_chain_keeps_step() {
    let place = Place::new();
    let speed = format!("{FACTOR}x");
    let began = Instant::now();
    let arguments = ["--homes", "3", "--slot", "60m", "--speed", &speed];
    let mut running = Running::start(place.demo(&arguments));
    let url = running.line_with("Open ").split_whitespace().last().unwrap().to_owned();
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(86_400) / FACTOR, "a day at {speed} took {took:?}");
    let figures = place.figures();
    check_identities(&figures);
    assert_eq!((count(&figures, "homes"), count(&figures, "slots")), (3, 24));
    assert_eq!(figures["mining"], "proof_of_work_target_time");
    assert!(count(&figures, "trades") > 0 && count(&figures, "bills_verified") == 3);
    let blocks = items(&url, "/v1/explorer/blocks").await;
    let mined: Vec<(u64, i64)> = blocks
        .iter()
        .map(|block| (block["number"].as_u64().unwrap(), time(&block["timestamp"])))
        .collect();
    assert!(mined.is_sorted_by(|newer, older| newer.0 == older.0 + 1 && newer.1 > older.1));
    let trades = items(&url, "/v1/explorer/trades").await;
    assert_eq!(trades.len() as u64, count(&figures, "trades"));
    for trade in trades {
        let (slot, number) = (time(&trade["slot"]), trade["block"].as_u64().unwrap());
        let at = mined.iter().find(|(of, _)| *of == number).unwrap().1;
        // Settled when the gate has closed, by the boundary that comes next.
        assert!((slot - GATE..=slot + AHEAD_MAX).contains(&at), "{trade} in a block of {at}");
        assert!(at < slot + HOUR);
    }
}
