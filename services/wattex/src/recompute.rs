//! `wattex recompute`: the clearing of one slot, computed anew from its published journal and
//! compared with what the chain has.

mod commitments;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alloy_primitives::{Address, B256, U64};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, Result, anyhow, bail};
use calendar::Timestamp;
use clap::Args;
use client::{HttpRpc, JsonRpc};
use contracts::Clearing;
use contracts::bindings::EnergyMarket;
use market::domain::{Difference, Recomputed, SlotJournal, recompute};
use matching::Share;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use self::commitments::Committed;
use crate::exit::Trouble;
use crate::verify::contracts_in;

/// The largest journal that is fetched: 20 000 orders take about 15 MB.
const JOURNAL_BYTES_MAX: usize = 64 << 20;
/// Blocks whose logs are asked for at once; nodes refuse more.
const LOG_BLOCKS: u64 = 10_000;
/// Questions for logs until a node that tells none is not asked any more: two years of blocks.
const LOG_QUESTIONS_MAX: u32 = 1_300;
/// How long the market may take to hand it out.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Arguments of `wattex recompute`.
#[derive(Args)]
pub struct Arguments {
    /// The journal file; without it the journal is fetched from `--url`.
    #[arg(required_unless_present = "url", conflicts_with = "url")]
    journal: Option<PathBuf>,
    /// Where the market answers, such as <http://127.0.0.1:8080>.
    #[arg(long, value_name = "URL", requires = "slot")]
    url: Option<String>,
    /// Start of the slot to fetch, such as 2026-06-01T10:00:00Z.
    #[arg(long, value_name = "MOMENT", requires = "url")]
    slot: Option<Timestamp>,
    /// The grid area; the community's first when absent.
    #[arg(long, value_name = "UUID", requires = "url")]
    zone: Option<String>,
    /// An access token of a member of the community.
    #[arg(long, env = "WATTEX_TOKEN", hide_env_values = true, requires = "url")]
    token: Option<String>,
    /// Write the fetched journal to a file, to keep or hand on.
    #[arg(long, value_name = "FILE", requires = "url")]
    save: Option<PathBuf>,
    /// A node whose chain says what was posted. Without it nothing is anchored.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,
    /// The root over the commitments of the slot that you kept when they were opened
    /// (`/v1/slots/{start}/commitments`): another one, or none, in the journal is a failure.
    #[arg(long, value_name = "HASH")]
    root: Option<B256>,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

/// Recomputes and prints; the exit code tells the verdict.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let text = match &arguments.journal {
            Some(path) => read(path)?,
            None => fetch(arguments).await?,
        };
        let journal: SlotJournal = serde_json::from_str(&text)
            .map_err(|error| Trouble::Bill(format!("this is no journal of a slot: {error}")))?;
        check_asked(arguments, &journal)?;
        let posted = match &arguments.rpc {
            Some(url) => {
                let node = HttpRpc::new(url)?;
                posted(&node, &journal).await.with_context(|| format!("asking {url}"))?
            }
            None => None,
        };
        let outcome = recompute(&journal, posted.as_ref().unwrap_or(&journal.clearing));
        let outcome = commitments::kept(outcome, arguments.root);
        let committed = match (&arguments.rpc, &outcome) {
            (Some(url), Ok(Recomputed { sealed: Some(sealed), .. })) => {
                let node = HttpRpc::new(url)?;
                let found = commitments::on_chain(&node, journal.market, sealed).await;
                found.with_context(|| format!("asking {url}"))?
            }
            _ => None,
        };
        let anchor = match (&arguments.rpc, &posted) {
            (_, Some(_)) if !commitments::in_time(&outcome, committed) => Anchor::Unsealed,
            (_, Some(_)) => Anchor::Posted,
            (Some(_), None) => Anchor::NotPosted,
            (None, None) => Anchor::NoNode,
        };
        if arguments.json {
            let report = report(&outcome, anchor, committed);
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print(&journal, &outcome, anchor, committed);
        }
        Ok(ExitCode::from(match outcome {
            Ok(_) if anchor == Anchor::Posted => 0,
            Ok(_) => 11,
            Err(_) => 10,
        }))
    })
}

/// Who says that the clearing was posted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// The chain.
    Posted,
    /// The chain, but it did not have the commitments of the slot while they could be opened.
    Unsealed,
    /// The chain has no clearing of the slot.
    NotPosted,
    /// Nobody was asked.
    NoNode,
}

/// The journal is of the slot and zone that were asked for.
fn check_asked(arguments: &Arguments, journal: &SlotJournal) -> Result<()> {
    let zone = arguments.zone.as_ref();
    let other_zone = zone.is_some_and(|zone| *zone != journal.policy.zone.to_string());
    let asked = arguments.slot.map(Timestamp::unsigned);
    if other_zone || asked.is_some_and(|slot| slot != journal.clearing.slot) {
        bail!("the market answered with the journal of another slot or zone");
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    let read = fs::read_to_string(path);
    Ok(read.map_err(|error| Trouble::Bill(format!("cannot read {}: {error}", path.display())))?)
}

/// The journal of a slot from the market, saved where the arguments say so.
async fn fetch(arguments: &Arguments) -> Result<String> {
    let (url, slot) = (arguments.url.as_deref(), arguments.slot);
    let (url, slot) = url.zip(slot).context("--url and --slot are needed")?;
    let mut request = reqwest::Client::builder()
        .timeout(ANSWER_WITHIN)
        .build()?
        .get(format!("{}/v1/slots/{slot}/journal", url.trim_end_matches('/')));
    if let Some(zone) = &arguments.zone {
        request = request.query(&[("zone", zone)]);
    }
    if let Some(token) = &arguments.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let answer = request.send().await.with_context(|| format!("asking {url}"))?;
    let status = answer.status();
    let text = limited(answer).await?;
    if !status.is_success() {
        bail!("{url} answers {status}: {}", text.chars().take(500).collect::<String>());
    }
    if let Some(path) = &arguments.save {
        fs::write(path, &text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(text)
}

/// The body of an answer, if it is not larger than a journal can be.
async fn limited(mut answer: reqwest::Response) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > JOURNAL_BYTES_MAX {
            bail!("the answer is larger than {JOURNAL_BYTES_MAX} bytes");
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("the answer is not text"))
}

/// What the node's chain has as the clearing of the journal's zone and slot, in the contract that
/// the node itself names; `None` where there is none.
pub async fn posted(node: &dyn JsonRpc, journal: &SlotJournal) -> Result<Option<Clearing>> {
    let chain_id: U64 = serde_json::from_value(node.request("eth_chainId", json!([])).await?)?;
    let deployment = contracts_in(node.request("wattex_deployment", json!([])).await?)?;
    let here = (chain_id.to::<u64>(), deployment.market);
    if here != (journal.chain_id, journal.market) {
        let (chain, market) = here;
        let why = format!(
            "the node is of chain {chain} with the contract {market}, the journal \
                           is not"
        );
        return Err(Trouble::Trust(why).into());
    }
    let zone = B256::from(journal.policy.zone.to_bytes32());
    clearing_in(node, deployment.market, zone, &journal.clearing).await
}

/// What the contract at `market` has as the clearing of a zone's slot, of which `expected` is what
/// it should be; `None` where it has none.
async fn clearing_in(
    node: &dyn JsonRpc,
    market: Address,
    zone: B256,
    expected: &Clearing,
) -> Result<Option<Clearing>> {
    let question = EnergyMarket::clearedCall { zone, slot: expected.slot };
    let data = question.abi_encode().into();
    let answer = client::call(node, market, data, "latest").await?;
    let id = EnergyMarket::clearedCall::abi_decode_returns(&answer)
        .context("the contract's answer is not what it says")?;
    if id == B256::ZERO {
        return Ok(None);
    }
    // The name of a clearing is the hash of its terms.
    if id == expected.id() {
        return Ok(Some(expected.clone()));
    }
    let terms = terms_of(node, market, id).await?;
    if terms.id() != id {
        bail!("the node's log is not of the clearing that its contract names");
    }
    Ok(Some(terms))
}

/// The terms of the clearing `id`, from the event that tells them. Looks back from the head: who
/// asks, asks about a slot that is not long ago.
async fn terms_of(node: &dyn JsonRpc, market: Address, id: B256) -> Result<Clearing> {
    let mut to = client::block_number(node).await?;
    for _ in 0..LOG_QUESTIONS_MAX {
        let from = to.saturating_sub(LOG_BLOCKS - 1);
        let filter = json!([{
            "fromBlock": U64::from(from),
            "toBlock": U64::from(to),
            "address": market,
            "topics": [EnergyMarket::SlotCleared::SIGNATURE_HASH, id],
        }]);
        let logs = node.request("eth_getLogs", filter).await?;
        if let Some(log) = logs.as_array().context("the node's logs are no list")?.first() {
            return told(log);
        }
        let Some(before) = from.checked_sub(1) else { break };
        to = before;
    }
    bail!("the node's contract names a clearing that no log of the node tells");
}

/// The terms that a log of a clearing tells.
fn told(log: &Value) -> Result<Clearing> {
    let word = |value: &Value| value.as_str().and_then(|text| text.parse::<B256>().ok());
    let topics: Option<Vec<B256>> =
        log["topics"].as_array().and_then(|topics| topics.iter().map(word).collect());
    let data =
        log["data"].as_str().and_then(|text| hex::decode(text.trim_start_matches("0x")).ok());
    let (topics, data) = topics.zip(data).context("a log of the node is malformed")?;
    let event = EnergyMarket::SlotCleared::decode_raw_log(topics, &data)
        .context("a log of the node is not what it says")?;
    Ok(Clearing::from_sol(&event.terms))
}

fn report(
    outcome: &Result<Recomputed, Difference>,
    anchor: Anchor,
    committed: Option<Committed>,
) -> Value {
    match outcome {
        Ok(same) => json!({
            "verdict": if anchor == Anchor::Posted { "holds" } else { "unanchored" },
            "recomputed": same,
            "committed": committed,
        }),
        Err(difference) => json!({
            "verdict": "failed",
            "difference": difference,
            "detail": difference.to_string(),
        }),
    }
}

/// By which shares metered energy was shared out after the slot.
fn print_shares(same: &Recomputed) {
    let Some(shares) = &same.shared else { return };
    println!("Shared out after the slot: orders are what meters saw, as the market says");
    for Share { owner, weight } in shares {
        let account = Address::from(*owner);
        let whose = if account.is_zero() { "nobody".to_owned() } else { account.to_string() };
        println!("  {whose}  {}.{:02} %", weight / 100, weight % 100);
    }
}

/// What it came to in each zone.
fn print_zones(same: &Recomputed) {
    let Some(zonal) = &same.zonal else { return };
    println!("Cleared on a grid; where connection points stand, the market says");
    for zone in &zonal.zones {
        let (bought, sold) = (zone.bought.wh(), zone.sold.wh());
        let prices = format!("buyers {} per kWh, sellers {}", zone.buyer, zone.seller);
        println!("  {}  {prices}; {bought} Wh bought, {sold} Wh sold", zone.zone);
    }
    for flow in &zonal.flows {
        let (from, to, energy) = (flow.from, flow.to, flow.energy.wh());
        println!("  {from} -> {to}  {energy} Wh, rent {}", flow.rent);
    }
}

fn print(
    journal: &SlotJournal,
    outcome: &Result<Recomputed, Difference>,
    anchor: Anchor,
    committed: Option<Committed>,
) {
    let slot = Timestamp::from_seconds(i64::try_from(journal.clearing.slot).unwrap_or(i64::MAX));
    println!("Slot {slot}  clearing {}", journal.clearing.id());
    match outcome {
        Ok(same) => {
            println!(
                "{} of {} orders took part, {}; mechanism {}",
                same.orders,
                same.orders + same.cancelled,
                match same.of_contracts {
                    0 => "all signed by their accounts".to_owned(),
                    asked => format!("{asked} of contract accounts, whose consent no file shows"),
                },
                same.mechanism,
            );
            let price = same
                .price
                .map_or_else(|| "no price".to_owned(), |price| format!("{price} per kWh"));
            println!("{} fills, {} Wh, {price}", same.fills, same.volume.wh());
            println!(
                "The market says: tick {} per kWh, retail {}, feed-in {}",
                same.tick, same.retail_price, same.feed_in_price,
            );
            if let Some(at_once) = &same.at_once {
                println!(
                    "Orders met before the gate, as the market says: {} left, {} not simply good \
                     till the gate, {} times two of one party did not trade",
                    at_once.left, at_once.timed, at_once.kept_apart,
                );
            }
            if same.uncovered > 0 {
                let left = same.uncovered;
                println!("{left} orders were taken back, as the market says: their cash had left");
            }
            print_shares(same);
            commitments::print(same, committed);
            print_zones(same);
            if let Some(halted) = same.halted {
                println!("* the market says that nothing trades: {halted:?}");
            }
            println!();
            println!(
                "{}",
                match anchor {
                    Anchor::Posted => "HOLDS: what the chain has is what comes of the orders",
                    Anchor::Unsealed =>
                        "UNANCHORED: sound in itself, but its commitments came late onto the chain",
                    Anchor::NotPosted =>
                        "UNANCHORED: sound in itself, but the chain has no clearing of this slot",
                    Anchor::NoNode =>
                        "UNANCHORED: sound in itself, but no node says that it was posted (--rpc)",
                }
            );
        }
        Err(difference) => {
            println!();
            println!("FAILED: {difference}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use client::RpcError;
    use units::Energy;

    use super::*;

    /// A node with one clearing, told in one block.
    struct Node {
        head: u64,
        told_at: u64,
        cleared: Option<Clearing>,
        /// The blocks of each question for logs.
        asked: Mutex<Vec<[u64; 2]>>,
    }

    impl Node {
        fn new(cleared: Option<Clearing>) -> Node {
            Node { head: 25_000, told_at: 14_000, cleared, asked: Mutex::default() }
        }

        fn logs(&self, filter: &Value) -> Vec<Value> {
            let height = |name: &str| {
                serde_json::from_value::<U64>(filter[name].clone()).unwrap().to::<u64>()
            };
            let blocks = [height("fromBlock"), height("toBlock")];
            self.asked.lock().unwrap().push(blocks);
            let within = (blocks[0]..=blocks[1]).contains(&self.told_at);
            let told = self.cleared.as_ref().filter(|_| within);
            let log = told.map(|clearing| {
                let event = EnergyMarket::SlotCleared {
                    clearing: clearing.id(),
                    zone: B256::ZERO,
                    slot: clearing.slot,
                    terms: clearing.to_sol(),
                };
                let data = event.encode_log_data();
                json!({ "topics": data.topics(), "data": data.data })
            });
            log.into_iter().collect()
        }
    }

    #[async_trait::async_trait]
    impl JsonRpc for Node {
        async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
            Ok(match method {
                "eth_blockNumber" => json!(U64::from(self.head)),
                "eth_call" => {
                    let id = self.cleared.as_ref().map_or(B256::ZERO, Clearing::id);
                    json!(id)
                }
                "eth_getLogs" => json!(self.logs(&params[0])),
                other => panic!("{other} is not asked"),
            })
        }
    }

    fn clearing(price: u64) -> Clearing {
        Clearing { slot: 1_780_000_200, price, volume: Energy::from_wh(5), ..Clearing::default() }
    }

    async fn asked(node: &Node) -> Result<Option<Clearing>> {
        clearing_in(node, Address::repeat_byte(7), B256::ZERO, &clearing(100)).await
    }

    #[tokio::test]
    async fn what_is_as_expected_is_known_without_a_log_however_long_the_chain_is() {
        let none = Node::new(None);
        assert_eq!(asked(&none).await.unwrap(), None);
        let same = Node::new(Some(clearing(100)));
        assert_eq!(asked(&same).await.unwrap(), Some(clearing(100)));
        assert!(same.asked.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn another_clearing_is_looked_for_in_ranges_that_a_node_answers() {
        let other = Node::new(Some(clearing(101)));
        assert_eq!(asked(&other).await.unwrap(), Some(clearing(101)));
        assert_eq!(*other.asked.lock().unwrap(), [[15_001, 25_000], [5_001, 15_000]]);
        let silent = Node { told_at: 30_000, ..Node::new(Some(clearing(101))) };
        let refused = asked(&silent).await.unwrap_err();
        assert!(refused.to_string().contains("no log of the node tells"), "{refused}");
        assert_eq!(silent.asked.lock().unwrap().last(), Some(&[0, 5_000]));
    }
}
