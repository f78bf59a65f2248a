//! How many calls a node answers, ours or another: a measurement, not a test.
//!
//! ```text
//! rpc_load serve 8545                           a node of ours with a funded key
//! rpc_load ask 127.0.0.1:8545 8 100 2000 [PID]  8 connections, batches of 100, 2000 batches each
//! ```
//!
//! With the process id of the node it also tells the CPU time per call, which does not depend on
//! what else runs on the machine. Every answer is compared with what it has to be.
#![forbid(unsafe_code)]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use anyhow::{Context, Result, bail, ensure};
use bus::Bus;
use chain::GenesisSpec;
use chain::genesis::Allocation;
use keys::SecretKey;
use ledger::{Config, Parts};
use serde_json::{Value, json};
use service::{Clock, Tick};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The first key of development nodes.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const CHAIN_ID: u64 = 31_337;
/// `balanceOf(address)` of a token whose balances are in slot 0, and its creation.
const CODE: &str = "60268060095f395ff3\
    5f3560e01c6370a0823114601157\
    5f5ffd5b6004355f525f6020526040\
    5f20545f5260205ff3";
/// How often the node looks for something to mine.
const TICK: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", port] => actix_web::rt::System::new().block_on(serve(port.parse()?)),
        ["ask", address, connections, batch, count] => {
            ask(address, connections.parse()?, batch.parse()?, count.parse()?, None)
        }
        ["ask", address, connections, batch, count, process] => {
            ask(address, connections.parse()?, batch.parse()?, count.parse()?, Some(process))
        }
        _ => bail!("rpc_load serve PORT | ask ADDRESS CONNECTIONS BATCH COUNT [PID]"),
    }
}

fn key() -> Result<SecretKey> {
    let bytes: [u8; 32] = hex::const_decode_to_array::<32>(KEY.as_bytes())?;
    SecretKey::from_bytes(&bytes).context("the key of development nodes")
}

async fn serve(port: u16) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut genesis = GenesisSpec::new(CHAIN_ID, 1_700_000_000);
    (genesis.difficulty, genesis.fixed_difficulty) = (U256::from(16), true);
    let balance = U256::from(10).pow(U256::from(22));
    genesis.alloc.insert(key()?.address(), Allocation { balance, ..Allocation::default() });
    let clock = Clock::real();
    let parts = Parts {
        directory: directory.path().to_owned(),
        genesis,
        bus: Bus::in_process(),
        clock: clock.clone(),
        config: Config::default(),
    };
    let ledger = ledger::start(parts).await?;
    let server = ledger.serve_rpc(([127, 0, 0, 1], port).into())?;
    println!("{} process {}", server.address(), std::process::id());
    loop {
        ledger.tick(clock.now()).await?;
        tokio::time::sleep(TICK).await;
    }
}

/// One kept-alive connection.
struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned() })
    }

    fn request(&self, body: &str) -> Vec<u8> {
        let (host, length) = (&self.address, body.len());
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn exchange(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<()> {
        self.stream.get_mut().write_all(request)?;
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        Ok(self.stream.read_exact(body)?)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut answer = Vec::new();
        self.exchange(&self.request(&body.to_string()), &mut answer)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer.get("error").is_none(), "{method}: {answer}");
        Ok(answer["result"].clone())
    }
}

fn deploy(address: &str) -> Result<Address> {
    let (mut node, key) = (Connection::open(address)?, key()?);
    let nonce = node.call("eth_getTransactionCount", &json!([key.address(), "latest"]))?;
    let nonce: u64 = serde_json::from_value::<U256>(nonce)?.to();
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Create,
        input: CODE.parse()?,
        ..TxEip1559::default()
    };
    let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    let signed: TxEnvelope = unsigned.into_signed(signature).into();
    node.call("eth_sendRawTransaction", &json!([Bytes::from(signed.encoded_2718())]))?;
    loop {
        let receipt = node.call("eth_getTransactionReceipt", &json!([signed.tx_hash()]))?;
        if !receipt.is_null() {
            ensure!(receipt["status"] == json!("0x1"), "not deployed: {receipt}");
            return Ok(serde_json::from_value(receipt["contractAddress"].clone())?);
        }
    }
}

fn ask(
    address: &str,
    connections: usize,
    batch: usize,
    count: usize,
    process: Option<&str>,
) -> Result<()> {
    let contract = deploy(address)?;
    let owner = key()?.address().into_word();
    let data = format!("0x70a08231{}", hex::encode(owner));
    let call = |id| {
        let params = json!([{ "to": contract, "data": data }, "latest"]);
        json!({ "jsonrpc": "2.0", "id": id, "method": "eth_call", "params": params })
    };
    let all: Vec<Value> = (0..batch).map(call).collect();
    let body = if batch == 1 { all[0].to_string() } else { json!(all).to_string() };
    let expected = format!("\"0x{}\"", "0".repeat(64));
    let cpu_before = process.map(cpu_hundredths).transpose()?;
    let began = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| load(address, &body, count, batch, expected.as_bytes())))
            .collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a connection panicked"))??;
        }
        Ok(())
    })?;
    let (millis, calls) =
        (began.elapsed().as_millis().max(1), (connections * batch * count) as u128);
    print!("{calls} calls in {millis} ms: {} calls/s", calls * 1_000 / millis);
    if let (Some(before), Some(process)) = (cpu_before, process) {
        let nanos = (cpu_hundredths(process)? - before) * 10_000_000 / calls;
        print!(", {nanos} ns CPU of the node per call");
    }
    println!();
    Ok(())
}

fn load(address: &str, body: &str, count: usize, batch: usize, expected: &[u8]) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let (request, mut answer) = (connection.request(body), Vec::new());
    for _ in 0..count {
        connection.exchange(&request, &mut answer)?;
        let found = answer.windows(expected.len()).filter(|part| *part == expected).count();
        ensure!(found == batch, "{}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

/// The CPU time that a process has used, in hundredths of a second as Linux counts it.
fn cpu_hundredths(process: &str) -> Result<u128> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').context("the name of the process")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Result<u128> { Ok(fields.next().context("times")?.parse()?) };
    Ok(next()? + next()?)
}
