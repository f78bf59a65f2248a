//! Blocks in: what each part of an import costs, and execution against a bare revm.

use super::node::genesis;
use super::token::Token;
use crate::maker::Maker;
use crate::measure::{alternate, count, timed, worked};
use crate::report::Row;
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_primitives::Address;
use anyhow::{Context as _, Result, ensure};
use chain::execute::{self, Executed, Executor, Outcome, block_env, config_env, transaction_env};
use chain::state::Changes;
use chain::{AtBlock, Block, ChainView, GenesisSpec, Recovered, Rules, State, signature};
use ledger::store::{Beginning, History, Store};
use revm::context::{BlockEnv, TxEnv};
use revm::database::InMemoryDB;
use revm::state::AccountInfo;
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext};

/// Transfers of each sender in a block: 2 000 together.
const EACH: u64 = 20;
/// Blocks that are imported, each a run.
const BLOCKS: u64 = 5;
/// Blocks behind the head that are final.
const FINALITY_LAG: u64 = 64;

/// A chain on which every sender has some of the token.
struct Scene {
    token: Token,
    spec: GenesisSpec,
    maker: Maker,
}

impl Scene {
    fn new() -> Result<Self> {
        let token = Token::new();
        let spec = genesis(&token);
        let mut maker = Maker::new(&spec)?;
        maker.make(token.setup())?;
        Ok(Self { token, spec, maker })
    }
}

pub(crate) fn rows() -> Result<Vec<Row>> {
    let mut rows = vec![execution(&mut Scene::new()?)?];
    rows.extend(imports()?);
    Ok(rows)
}

/// Execution alone, in memory: no signatures, no roots, no blooms of receipts.
fn execution(Scene { token, maker, .. }: &mut Scene) -> Result<Row> {
    let transfers = token.transfers(0, EACH);
    let parent = maker.view.head();
    let block = maker.make(transfers.clone())?;
    let (environment, gas) = (block_env(&block.header), block.header.gas_used);
    let bare = bare_state(token, &environment)?;
    let pair = alternate(
        || {
            let root = maker.view.header(parent).expect("the parent is stored").state_root;
            let mut state = State::at(root, AtBlock::new(&maker.view, parent));
            let (executed, seconds) = worked(|| {
                let mut executor =
                    Executor::new(&mut state, maker.rules.chain_id, environment.clone());
                executor.reserve(transfers.len());
                for one in &transfers {
                    executor.execute_checked(one.inner(), one.signer())?;
                }
                anyhow::Ok(executor.finish()?)
            });
            check_executed(&executed?, gas)?;
            Ok(megagas(gas) / seconds)
        },
        || {
            let envs = transaction_envs(&transfers);
            let (spent, seconds) = bare_run(&mut bare.clone(), &environment, envs)?;
            ensure!(spent == gas, "revm used {spent} gas, we {gas}");
            Ok(megagas(gas) / seconds)
        },
    )?;
    let name = "execution of 2000 ERC-20 transfers, to a bare revm";
    Ok(Row::rate(name, "Mgas/s", &pair).aims_at(0.8))
}

fn check_executed(executed: &Executed, gas: u64) -> Result<()> {
    let good = executed.outcomes.iter().all(Outcome::is_success);
    ensure!(good && executed.gas_used == gas, "a transfer failed");
    Ok(())
}

fn megagas(gas: u64) -> f64 {
    count(gas) / 1e6
}

fn transaction_envs(transactions: &[Recovered]) -> Vec<TxEnv> {
    transactions.iter().map(|one| transaction_env(one.inner(), one.signer())).collect()
}

/// revm's own state in memory, with the token in it.
fn bare_state(token: &Token, environment: &BlockEnv) -> Result<InMemoryDB> {
    let mut database = InMemoryDB::default();
    for (address, allocation) in genesis(token).alloc {
        let info = AccountInfo { balance: allocation.balance, ..AccountInfo::default() };
        database.insert_account_info(address, info);
    }
    bare_run(&mut database, environment, transaction_envs(&token.setup()))?;
    Ok(database)
}

/// A loop over transactions and nothing else: the gas that they used, and the seconds.
fn bare_run(
    database: &mut InMemoryDB,
    environment: &BlockEnv,
    transactions: Vec<TxEnv>,
) -> Result<(u64, f64)> {
    let chain_id = super::token::CHAIN_ID;
    let context = Context::mainnet().with_db(database).with_block(environment.clone());
    let mut machine = context.with_cfg(config_env(chain_id)).build_mainnet();
    let (gas, seconds) = worked(|| {
        let mut gas = 0;
        for transaction in transactions {
            let result = machine.transact_commit(transaction)?;
            ensure!(result.is_success(), "revm: {result:?}");
            gas += result.tx_gas_used();
        }
        Ok(gas)
    });
    Ok((gas?, seconds))
}

/// What the parts of imports took, in Mgas/s, a figure for each block.
#[derive(Default)]
struct Split {
    verify: Vec<f64>,
    execute: Vec<f64>,
    root: Vec<f64>,
    commit: Vec<f64>,
    whole: Vec<f64>,
}

/// Blocks of another node, imported into a chain on disk.
fn imports() -> Result<Vec<Row>> {
    let Scene { token, spec, mut maker } = Scene::new()?;
    let folder = tempfile::tempdir()?;
    let beginning = Beginning { spec: &spec, imported: &maker.first };
    let store = Store::open(folder.path(), beginning, History::default())?;
    let setup = maker.view.block(maker.view.head()).expect("the head is stored");
    import(&maker.rules, &store, setup)?;
    let mut split = Split::default();
    for round in 0..BLOCKS {
        let transfers = token.transfers(round * EACH, EACH);
        let block = maker.make(transfers)?;
        let megagas = megagas(block.header.gas_used);
        parts(&maker.rules, &store, &block, megagas, &mut split)?;
        let (done, seconds) = timed(|| import(&maker.rules, &store, block));
        split.commit.push(megagas / done?);
        split.whole.push(megagas / seconds);
    }
    let names = ["signers recovered", "executed", "roots", "stored, with fsync", "all of it"];
    let parts = [split.verify, split.execute, split.root, split.commit, split.whole];
    let row = |(name, part): (&str, Vec<f64>)| {
        Row::alone(format!("import of 2000 ERC-20 transfers: {name}"), "Mgas/s", &part)
    };
    Ok(names.into_iter().zip(parts).map(row).collect())
}

/// Imports a block as a peer's and stores it: the seconds that storing took.
fn import(rules: &Rules, store: &Store, block: Block) -> Result<f64> {
    let now = block.header.timestamp;
    let imported = rules.import(&store.snapshot()?, block, now)?;
    let (stored, seconds) = timed(|| store.append(imported, FINALITY_LAG));
    stored?;
    Ok(seconds)
}

/// Does by hand what an import does before it stores, one part after the other.
fn parts(
    rules: &Rules,
    store: &Store,
    block: &Block,
    megagas: f64,
    split: &mut Split,
) -> Result<()> {
    let snapshot = store.snapshot()?;
    let parent = block.header.parent_hash;
    let (senders, seconds) = timed(|| signature::recover_all(&block.transactions, |_| None));
    split.verify.push(megagas / seconds);
    let senders: Option<Vec<Address>> = senders.into_iter().collect();
    let senders = senders.context("a signature of nobody")?;

    let root = snapshot.header(parent).context("the parent is stored")?.state_root;
    let mut state = State::at(root, AtBlock::new(&snapshot, parent));
    let (executed, seconds) = timed(|| {
        let mut executor = Executor::new(&mut state, rules.chain_id, block_env(&block.header));
        executor.reserve(senders.len());
        for (transaction, sender) in block.transactions.iter().zip(&senders) {
            executor.execute_checked(transaction, *sender)?;
        }
        anyhow::Ok(executor.finish()?)
    });
    split.execute.push(megagas / seconds);
    let executed = executed?;
    check_executed(&executed, block.header.gas_used)?;

    let (roots, seconds) = timed(|| {
        let changes: Changes = state.commit()?;
        let transactions = calculate_transaction_root(&block.transactions);
        let (receipts, _) = execute::receipts(executed.outcomes);
        anyhow::Ok([changes.root, transactions, calculate_receipt_root(&receipts)])
    });
    split.root.push(megagas / seconds);
    let header = &block.header;
    let expected = [header.state_root, header.transactions_root, header.receipts_root];
    ensure!(roots? == expected, "roots differ from those of the block");
    Ok(())
}
