//! The ledger of a world: real blocks on a chain in memory, a pool, and the feed of its branch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use alloy_primitives::{Address, B256, U256};
use calendar::Timestamp;
use chain::execute::{Call, CallOutcome, block_env, call};
use chain::{
    AtBlock, Candidate, ChainView, HeadChange, Imported, MemoryChain, Pool, PoolLimits, Recovered,
    State,
};
use client::fees::Answer;
use contracts::SolCall;
use events::ledger::{BlockConnected, BlockDisconnected, Log};
use ids::EventId;

use super::scene::{CHAIN_ID, SEAL_TRIES, Scene};

/// How many blocks below the head a block is final.
pub(super) const FINALITY_LAG: u64 = 6;
const COINBASE: Address = Address::repeat_byte(0xcb);
const QUESTION_GAS: u64 = 10_000_000;

/// One event of the feed.
#[derive(Clone)]
pub(super) enum Feed {
    Connected(Rc<BlockConnected>),
    Disconnected(BlockDisconnected),
}

impl Feed {
    /// The event's name: the same for every repeat.
    pub(super) fn id(&self) -> EventId {
        let (sequence, hash) = match self {
            Feed::Connected(event) => (event.sequence, event.hash),
            Feed::Disconnected(event) => (event.sequence, event.hash),
        };
        EventId::derived(&format!("{sequence}/{hash}"))
    }
}

/// A node that mines alone and sometimes hears of another branch.
pub(super) struct Node {
    scene: &'static Scene,
    pub(super) view: MemoryChain,
    pool: Pool,
    pub(super) feed: Vec<Feed>,
    logs: BTreeMap<B256, Rc<Vec<Log>>>,
    senders: BTreeMap<B256, Vec<Address>>,
    /// Transactions of the best branch: height and success.
    included: BTreeMap<B256, (u64, bool)>,
    pub(super) finalized: u64,
}

impl Node {
    pub(super) fn new(scene: &'static Scene) -> Node {
        let mut node = Node {
            scene,
            view: MemoryChain::default(),
            pool: Pool::new(PoolLimits::default()),
            feed: Vec::new(),
            logs: BTreeMap::new(),
            senders: BTreeMap::new(),
            included: BTreeMap::new(),
            finalized: 0,
        };
        node.take(scene.genesis.clone());
        node
    }

    pub(super) fn height(&self) -> u64 {
        self.view.header(self.view.head()).expect("the head is stored").number
    }

    /// Height and success of a transaction on the best branch.
    pub(super) fn included(&self, transaction: B256) -> Option<(u64, bool)> {
        self.included.get(&transaction).copied()
    }

    /// The block before `block`; none before the first.
    pub(super) fn parent(&self, block: B256) -> Option<B256> {
        let header = self.view.header(block).expect("a stored header");
        (header.number > 0).then_some(header.parent_hash)
    }

    pub(super) fn logs(&self, block: B256) -> &[Log] {
        &self.logs[&block]
    }

    /// The base fee of the block after the head.
    pub(super) fn next_base_fee(&self) -> u64 {
        let header = self.view.header(self.view.head()).expect("the head is stored");
        self.scene.rules.next_base_fee(&header)
    }

    /// Offers a transaction; what the node says to that.
    pub(super) fn send(&mut self, transaction: Recovered) -> Answer {
        let account = self.account(transaction.signer());
        match self.pool.add(transaction, &account) {
            Ok(_) => Answer::Taken,
            Err(refusal) => Answer::to(&refusal.to_string()),
        }
    }

    /// The pool is lost, as when the process dies.
    pub(super) fn crash(&mut self) {
        self.pool = Pool::new(PoolLimits::default());
    }

    /// Mines one block of what waits, without the transactions of `censored`.
    pub(super) fn mine(&mut self, now: Timestamp, censored: &BTreeSet<Address>) {
        let head = self.view.head();
        let waiting = self.pool.best(self.next_base_fee()).map(|pooled| &pooled.transaction);
        let chosen: Vec<Recovered> =
            waiting.filter(|waiting| !censored.contains(&waiting.signer())).cloned().collect();
        let candidate = self.propose(head, chosen, now);
        let nonce = candidate.seal(0, SEAL_TRIES).expect("the work is little");
        let imported = self.scene.rules.adopt(&self.view, candidate, nonce);
        self.take(imported.expect("an own block is adopted"));
    }

    /// Hears of a branch that another miner built from `depth` blocks below the head, with `blocks`
    /// blocks. `includes(block, sender)` says whose transactions that miner had taken.
    pub(super) fn compete(
        &mut self,
        depth: u64,
        blocks: u64,
        now: Timestamp,
        includes: impl Fn(u64, Address) -> bool,
    ) {
        let height = self.height();
        let fork = height - depth;
        let mut parent = self.view.canonical_hash(fork).expect("a height of the best branch");
        let (mut known, mut times) = (Vec::new(), Vec::new());
        for number in fork + 1..=height {
            let hash = self.view.canonical_hash(number).expect("a height of the best branch");
            times.push(self.view.header(hash).expect("a stored header").timestamp);
            known.extend(self.transactions(hash));
        }
        known.extend(
            self.pool.best(chain::rules::BASE_FEE_MIN).map(|pooled| pooled.transaction.clone()),
        );
        for place in 0..blocks {
            let at = usize::try_from(place).ok().and_then(|place| times.get(place).copied());
            let at = at.map_or(now, |seconds| Timestamp::from_seconds(seconds.cast_signed()));
            let taken = known.iter().filter(|one| includes(place, one.signer()));
            let candidate = self.propose(parent, taken.cloned().collect(), at);
            let mut block = candidate.block().clone();
            block.header.nonce = candidate.seal(1 << 32, SEAL_TRIES).expect("the work is little");
            parent = block.hash();
            let included: BTreeSet<B256> =
                block.transactions.iter().map(|transaction| *transaction.tx_hash()).collect();
            known.retain(|one| !included.contains(one.inner().tx_hash()));
            if self.view.header(parent).is_none() {
                let rules = &self.scene.rules;
                let imported = rules.import_rlp(&self.view, &block.encode(), now.unsigned());
                self.take(imported.expect("a block by the rules is imported"));
            }
        }
    }

    fn propose(&self, parent: B256, chosen: Vec<Recovered>, now: Timestamp) -> Candidate {
        let rules = &self.scene.rules;
        let candidate = rules.propose(&self.view, parent, chosen, COINBASE, now.unsigned());
        candidate.expect("a block is proposed")
    }

    fn transactions(&self, block: B256) -> Vec<Recovered> {
        let senders = self.senders[&block].iter();
        let transactions = self.view.block(block).expect("a stored block").transactions;
        let pairs = transactions.into_iter().zip(senders);
        pairs.map(|(one, sender)| Recovered::new_unchecked(one, *sender)).collect()
    }

    fn take(&mut self, imported: Imported) {
        let (hash, change) = (imported.hash, imported.head.clone());
        self.logs.insert(hash, Rc::new(logs(&imported)));
        self.senders.insert(hash, imported.senders.clone());
        self.view.store(imported);
        let Some(HeadChange { disconnected, connected }) = change else { return };
        let mut returned = Vec::new();
        for hash in &disconnected {
            returned.extend(self.disconnect(*hash));
        }
        for hash in &connected {
            self.connect(*hash);
        }
        let blocks = disconnected.iter().chain(&connected);
        let touched: BTreeSet<Address> =
            blocks.flat_map(|hash| self.senders[hash].clone()).collect();
        let accounts: HashMap<_, _> =
            touched.into_iter().map(|address| (address, self.account(address))).collect();
        self.pool.follow(&accounts, returned);
    }

    fn disconnect(&mut self, hash: B256) -> Vec<Recovered> {
        let header = self.view.header(hash).expect("a stored header");
        assert!(header.number > self.finalized, "what is final is never undone");
        let lost = self.transactions(hash);
        for transaction in &lost {
            self.included.remove(transaction.inner().tx_hash());
        }
        let (sequence, number, parent) = (self.next_sequence(), header.number, header.parent_hash);
        let event = BlockDisconnected { sequence, number, hash, parent };
        self.feed.push(Feed::Disconnected(event));
        lost
    }

    fn connect(&mut self, hash: B256) {
        let block = self.view.block(hash).expect("a stored block");
        let header = &block.header;
        let receipts = self.view.receipts(hash).expect("stored receipts");
        for (transaction, receipt) in block.transactions.iter().zip(&receipts) {
            let ended = (header.number, receipt.is_success());
            self.included.insert(*transaction.tx_hash(), ended);
        }
        self.finalized = self.finalized.max(header.number.saturating_sub(FINALITY_LAG));
        let event = BlockConnected {
            sequence: self.next_sequence(),
            number: header.number,
            hash,
            parent: header.parent_hash,
            timestamp: Timestamp::from_seconds(header.timestamp.cast_signed()),
            finalized: self.finalized,
            transactions: Vec::new(),
            logs: self.logs[&hash].to_vec(),
        };
        self.feed.push(Feed::Connected(Rc::new(event)));
    }

    fn next_sequence(&self) -> u64 {
        self.feed.len() as u64 + 1
    }

    fn account(&self, address: Address) -> chain::state::Account {
        self.state(self.view.head()).account(address).expect("a readable state").unwrap_or_default()
    }

    fn state(&self, block: B256) -> State<AtBlock<'_, MemoryChain>> {
        State::at(self.state_root(block), AtBlock::new(&self.view, block))
    }

    pub(super) fn state_root(&self, block: B256) -> B256 {
        self.view.header(block).expect("a stored header").state_root
    }

    /// Questions to contracts as of `block`.
    pub(super) fn at(&self, block: B256) -> Questions<'_> {
        let header = self.view.header(block).expect("a stored header");
        Questions { state: self.state(block), header }
    }
}

/// Asks contracts as `eth_call` does; what was read once is kept.
pub(super) struct Questions<'a> {
    state: State<AtBlock<'a, MemoryChain>>,
    header: chain::Header,
}

impl Questions<'_> {
    /// A word of a contract's storage.
    pub(super) fn word(&mut self, of: Address, position: B256) -> U256 {
        self.state.storage_at(of, position.into()).expect("a readable state")
    }

    pub(super) fn ask<C: SolCall>(&mut self, to: Address, question: &C) -> C::Return {
        let request = Call {
            to: Some(to),
            data: question.abi_encode().into(),
            gas: Some(QUESTION_GAS),
            ..Call::default()
        };
        let done = call(&mut self.state, CHAIN_ID, block_env(&self.header), &request);
        match done.expect("a call starts").outcome {
            CallOutcome::Success(answer) => {
                C::abi_decode_returns(&answer).expect("an answer of its type")
            }
            other => panic!("a view function failed: {other:?}"),
        }
    }
}

fn logs(imported: &Imported) -> Vec<Log> {
    let mut logs = Vec::new();
    for (transaction, receipt) in imported.block.transactions.iter().zip(&imported.receipts) {
        for log in receipt.logs() {
            logs.push(Log {
                address: log.address,
                topics: log.topics().to_vec(),
                data: log.data.data.clone(),
                transaction: *transaction.tx_hash(),
                index: u32::try_from(logs.len()).expect("a block has few logs"),
            });
        }
    }
    logs
}
