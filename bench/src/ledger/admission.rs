//! Transactions in: sent over HTTP, admitted, mined, stored; against a development node that keeps
//! everything in memory and does no work.

use super::node::{Endpoint, Node, anvil_words, genesis, mine_all};
use super::token::{Token, raw, received, recipient};
use crate::http::{Request, call, result, results};
use crate::measure::{alternate, count, timed};
use crate::peer::Anvil;
use crate::report::Row;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U64, U256};
use anyhow::{Result, anyhow, ensure};
use chain::Recovered;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Transfers of each sender in batches: 20 000 together.
const BATCHED_EACH: u64 = 200;
/// Transactions in a batch.
const BATCH: usize = 100;
/// Connections that batches come over.
const BATCH_CONNECTIONS: usize = 4;
/// Transfers of each sender one by one: 4 000 together.
const SINGLE_EACH: u64 = 40;
/// Connections that single requests come over.
const SINGLE_CONNECTIONS: usize = 10;
/// How often our miner looks for transactions while they come.
const TICK: Duration = Duration::from_millis(100);
/// Between two looks at whether everything is included.
const PAUSE: Duration = Duration::from_millis(5);
/// Looks, at most: a minute.
const LOOKS_MAX: usize = 12_000;

/// Many transactions in each request.
pub(crate) fn batches() -> Result<Vec<Row>> {
    let token = Token::new();
    let transfers = token.transfers(0, BATCHED_EACH);
    let pair = alternate(
        || {
            let node = Node::start(genesis(&token), 1, Some(TICK))?;
            batched(&Endpoint::of_ours(&node), &token, &transfers, true)
        },
        || {
            let anvil = Anvil::start(&anvil_words())?;
            batched(&Endpoint::of_anvil(&anvil, &token)?, &token, &transfers, false)
        },
    )?;
    let name = "20000 ERC-20 transfers in batches of 100, sent to mined, to anvil";
    Ok(vec![Row::rate(name, "transactions/s", &pair).aims_at(3.0)])
}

/// One transaction in each request.
pub(crate) fn singles() -> Result<Vec<Row>> {
    let token = Token::new();
    let transfers = token.transfers(0, SINGLE_EACH);
    let pair = alternate(
        || {
            let node = Node::start(genesis(&token), 1, Some(TICK))?;
            single(&Endpoint::of_ours(&node), &token, &transfers, true)
        },
        || {
            let anvil = Anvil::start(&anvil_words())?;
            single(&Endpoint::of_anvil(&anvil, &token)?, &token, &transfers, false)
        },
    )?;
    let name = "4000 single requests over 10 connections, sent to mined, to anvil's automine";
    Ok(vec![Row::rate(name, "transactions/s", &pair).aims_at(20.0)])
}

/// Each connection has senders of its own, so that a sender's nonces come in order.
fn shares(transfers: &[Recovered], connections: usize) -> Vec<Vec<Recovered>> {
    let share = |number: usize| {
        let own =
            |(at, _): &(usize, &Recovered)| at % super::token::SENDERS % connections == number;
        transfers.iter().enumerate().filter(own).map(|(_, one)| one.clone()).collect()
    };
    (0..connections).map(share).collect()
}

/// Sends every share over a connection of its own; `check` sees each answer.
fn send_all(
    endpoint: &Endpoint,
    shares: &[Vec<Request>],
    check: impl Fn(&[u8]) -> Result<()> + Sync,
) -> Result<()> {
    let send = |requests: &[Request]| -> Result<()> {
        let mut connection = endpoint.connect()?;
        requests.iter().try_for_each(|request| check(&connection.send(request)?))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            shares.iter().map(|requests| scope.spawn(|| send(requests))).collect();
        threads.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a panic"))?)
    })
}

/// Our miner looks for transactions by itself, as it does wherever a node mines; the peer's can
/// only be asked for a block.
fn batched(
    endpoint: &Endpoint,
    token: &Token,
    transfers: &[Recovered],
    mines_itself: bool,
) -> Result<f64> {
    begin(endpoint, token, mines_itself)?;
    let shares: Vec<_> = shares(transfers, BATCH_CONNECTIONS)
        .iter()
        .map(|share| endpoint.sending(share, BATCH))
        .collect();
    let (done, seconds) = timed(|| {
        send_all(endpoint, &shares, |answer| results(answer).map(drop))?;
        if !mines_itself {
            mine_all(&mut endpoint.connect()?)?;
        }
        wait_for(endpoint, token.senders(), BATCHED_EACH)
    });
    done?;
    check_balances(endpoint, token, BATCHED_EACH)?;
    Ok(count(transfers.len()) / seconds)
}

fn single(
    endpoint: &Endpoint,
    token: &Token,
    transfers: &[Recovered],
    mines_itself: bool,
) -> Result<f64> {
    begin(endpoint, token, mines_itself)?;
    if !mines_itself {
        endpoint.connect()?.call("evm_setAutomine", json!([true]))?;
    }
    let shares: Vec<_> = shares(transfers, SINGLE_CONNECTIONS)
        .iter()
        .map(|share| endpoint.sending(share, 1))
        .collect();
    let (done, seconds) = timed(|| {
        send_all(endpoint, &shares, |answer| result(serde_json::from_slice(answer)?).map(drop))?;
        if !mines_itself {
            // Of many requests at once the peer's automine leaves some in its pool for good, and
            // forgets some.
            mine_all(&mut endpoint.connect()?)?;
            send_forgotten(endpoint, transfers)?;
        }
        wait_for(endpoint, token.senders(), SINGLE_EACH)
    });
    done?;
    check_balances(endpoint, token, SINGLE_EACH)?;
    Ok(count(transfers.len()) / seconds)
}

/// The token is there, and every sender has some.
fn begin(endpoint: &Endpoint, token: &Token, mines_itself: bool) -> Result<()> {
    let setup = token.setup();
    if !mines_itself {
        return endpoint.include(&setup);
    }
    endpoint.send(&setup)?;
    wait_for(endpoint, [setup[0].signer()], u64::try_from(setup.len())?)
}

/// Sends again, one by one, what is in no block.
fn send_forgotten(endpoint: &Endpoint, transfers: &[Recovered]) -> Result<()> {
    let mut connection = endpoint.connect()?;
    let senders: BTreeSet<Address> = transfers.iter().map(Recovered::signer).collect();
    for sender in senders {
        let done = connection.call("eth_getTransactionCount", json!([sender, "latest"]))?;
        let done: U64 = serde_json::from_value(done)?;
        let own = transfers.iter().filter(|one| one.signer() == sender);
        for forgotten in own.filter(|one| one.inner().nonce() >= done.to()) {
            connection.call("eth_sendRawTransaction", json!([raw(forgotten)]))?;
        }
    }
    Ok(())
}

/// Waits until each of these has `nonce` transactions in blocks.
fn wait_for(
    endpoint: &Endpoint,
    accounts: impl IntoIterator<Item = Address>,
    nonce: u64,
) -> Result<()> {
    let mut connection = endpoint.connect()?;
    let ask = |account| call("eth_getTransactionCount", json!([account, "latest"]));
    let body = Value::from_iter(accounts.into_iter().map(ask)).to_string();
    let request = Request::new(endpoint.path, &body);
    let wanted = json!(U64::from(nonce));
    let mut behind = Vec::new();
    for _ in 0..LOOKS_MAX {
        behind = results(&connection.send(&request)?)?;
        behind.retain(|found| *found != wanted);
        if behind.is_empty() {
            return Ok(());
        }
        std::thread::park_timeout(PAUSE);
    }
    let pool = connection.call("txpool_status", json!([]))?;
    let head = connection.call("eth_blockNumber", json!([]))?;
    Err(anyhow!("not all have {wanted} transactions: {behind:?}, pool {pool}, head {head}"))
}

/// Every recipient has what was sent to it: nothing was lost, nothing counted twice.
fn check_balances(endpoint: &Endpoint, token: &Token, each: u64) -> Result<()> {
    let ask = |number: usize| {
        let data = Token::balance_of(recipient(number));
        call("eth_call", json!([{ "to": token.address, "data": data }, "latest"]))
    };
    let received = received(each);
    let body = Value::from_iter((0..received.len()).map(ask)).to_string();
    let answer = endpoint.connect()?.send(&Request::new(endpoint.path, &body))?;
    let expected: Vec<Value> =
        received.iter().map(|units| json!(B256::from(U256::from(*units)))).collect();
    ensure!(results(&answer)? == expected, "balances are not what was sent");
    Ok(())
}
