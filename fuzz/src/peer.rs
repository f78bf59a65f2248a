//! A node as its peers see it: the machine of the network, a chain in memory, a pool, ballots.
//!
//! ```text
//! 0---1---2                the node
//!     \---2---3---4        a peer: heavier, with a transaction in each block
//!                 \---5---6    another, honest one
//! ```
//!
//! Two of three operators make a block final. What they signed is for the peer's branch alone, so
//! nobody who only knows this chain can have two branches certified.

// The ledger keeps it to itself, and its frames are read by nobody else.
#[path = "../../services/ledger/src/peers/frame.rs"]
mod frame;

use crate::signing::{address, key, signed};
use crate::{CHAIN_ID, START};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, B512, Bytes, TxKind, U256};
use chain::block::Recovered;
use chain::checkpoint::{Ballots, Certificate, Checkpoint, Domain, Taken, Vote};
use chain::genesis::{Allocation, Operators};
use chain::sync::{
    Action, IGNORED_FOR, IGNORED_MAX, Input, Lie, Local, Machine, Message, Outcome, PEERS_MAX,
    PeerId, is_hopeless,
};
use chain::{
    AtBlock, Block, BlockError, ChainView, GenesisSpec, HeadChange, Imported, MemoryChain, Pool,
    PoolError, PoolLimits, Rules, State, Transaction, finality,
};
use frame::{FRAME_BYTES, FrameError, Reader, Writer};
use std::collections::{HashMap, VecDeque};

/// Bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// What may follow from one thing that happened: many times what a block for each hash is.
const STEPS_MAX: usize = 4_096;
/// Number of the node's own key.
const ME: u8 = 7;
/// Number of the key of the peer that signs its frames.
const SIGNER: u8 = 8;
/// Number of the key of the peer that is honest.
const HONEST: u8 = 9;
/// Messages of one input.
const RECORDS_MAX: usize = 64;
/// Rounds in which two that talk have to agree.
const ROUNDS_MAX: usize = 1_200;

/// What a run begins with.
pub struct Stage {
    rules: Rules,
    genesis: B256,
    ours: Vec<Imported>,
    theirs: Vec<Imported>,
    longer: Vec<Imported>,
}

/// A message to one peer or to all.
pub type Sent = (Option<PeerId>, Message);

fn transaction(nonce: u64) -> Transaction {
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 2,
        to: TxKind::Call(Address::repeat_byte(5)),
        value: U256::ONE,
        ..TxEip1559::default()
    };
    signed(1, unsigned)
}

impl Stage {
    /// The chains.
    pub fn new() -> Self {
        let mut spec = GenesisSpec::new(CHAIN_ID, START);
        (spec.difficulty, spec.fixed_difficulty) = (U256::ONE, true);
        let balance = U256::from(10).pow(U256::from(21));
        spec.alloc.clear();
        spec.alloc.insert(address(1), Allocation { balance, ..Allocation::default() });
        let keys = (1..=3).map(address).collect();
        spec.operators = Some(Operators { threshold: 2, keys });
        let genesis = spec.build().expect("the genesis is sound");
        let (hash, rules) = (genesis.imported.hash, genesis.rules);
        let mut ours = vec![genesis.imported];
        extend(&rules, &mut ours, Vec::new());
        let mut theirs = ours.clone();
        extend(&rules, &mut ours, Vec::new());
        for nonce in 0..3 {
            extend(&rules, &mut theirs, vec![transaction(nonce)]);
        }
        let mut longer = theirs.clone();
        extend(&rules, &mut longer, Vec::new());
        extend(&rules, &mut longer, Vec::new());
        Self { rules, genesis: hash, ours, theirs, longer }
    }

    /// Blocks that only the peer has.
    pub fn news(&self) -> impl Iterator<Item = &Block> {
        self.theirs[2..].iter().map(|imported| &imported.block)
    }

    /// A transaction that is in no block, but could be in the peer's next.
    pub fn waiting(&self) -> Transaction {
        transaction(3)
    }

    /// What the first operators say of the peer's block at a height.
    pub fn votes(&self, height: usize) -> Vec<Vote> {
        let checkpoint = Checkpoint { height: height as u64, hash: self.theirs[height].hash };
        let hash = checkpoint.signing_hash(self.domain());
        let signature = |number| B512::from(*key(number).sign(hash).as_bytes());
        (1..=2).map(|number| Vote { checkpoint, signature: signature(number) }).collect()
    }

    /// What makes that block final.
    pub fn certificate(&self, height: usize) -> Certificate {
        let votes = self.votes(height);
        let checkpoint = votes[0].checkpoint;
        Certificate { checkpoint, signatures: votes.iter().map(|vote| vote.signature).collect() }
    }

    /// A frame of the peer, to the node alone or to all; the sequence of those to one has to rise.
    pub fn frame(&self, sequence: u64, to_all: bool, message: &[u8]) -> Bytes {
        let to = (!to_all).then(|| address(ME));
        Writer::new(key(SIGNER), self.genesis, sequence).write(to, message)
    }

    fn domain(&self) -> Domain {
        Domain { chain_id: CHAIN_ID, genesis: self.genesis }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// Plays an input to a node:
///
/// ```text
/// kind[1]  length u16  bytes       again and again
/// ```
///
/// The two low bits of the kind tell who: two peers whose message is taken out of its frame
/// already, one whose message is put into a frame, and a frame as it is. The others tell how much
/// time passes before.
pub fn play<'a>(stage: &'a Stage, mut data: &[u8]) -> Listener<'a> {
    let mut listener = Listener::new(stage);
    for sequence in 0..RECORDS_MAX as u64 {
        let [kind, high, low, rest @ ..] = data else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        data = after;
        let waits = u64::from(kind >> 2);
        listener.pass(waits * waits * 10);
        match kind & 3 {
            2 => drop(listener.read(&stage.frame(sequence, false, bytes))),
            3 => drop(listener.read(&Bytes::copy_from_slice(bytes))),
            who => drop(listener.hear(Address::repeat_byte(0x11 + who), bytes)),
        }
    }
    listener
}

/// What a peer says to a node until both have the same head, certificate and pool. Each message,
/// and each silence, takes that many milliseconds.
pub fn talk(node: &mut Listener, peer: &mut Listener, milliseconds: u64) -> Vec<Message> {
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS_MAX {
        if node.agrees(peer) {
            return heard;
        }
        said.extend(peer.pass(milliseconds));
        let news: Vec<Message> = to(node.id, std::mem::take(&mut said)).collect();
        let mut answers = if news.is_empty() { node.pass(milliseconds) } else { Vec::new() };
        for message in news {
            answers.extend(node.pass(milliseconds));
            answers.extend(node.hear(peer.id, &message.encode()));
            heard.push(message);
        }
        for message in to(peer.id, answers) {
            said.extend(peer.hear(node.id, &message.encode()));
        }
    }
    panic!("an honest peer is followed: {:?}", node.machine.status());
}

fn to(id: PeerId, sent: Vec<Sent>) -> impl Iterator<Item = Message> {
    let for_it = move |(to, _): &Sent| to.is_none_or(|to| to == id);
    sent.into_iter().filter(for_it).map(|(_, message)| message)
}

fn stored(blocks: &[Imported]) -> MemoryChain {
    let mut view = MemoryChain::default();
    blocks.iter().cloned().for_each(|block| view.store(block));
    view
}

/// Puts a block on the last one.
fn extend(rules: &Rules, blocks: &mut Vec<Imported>, transactions: Vec<Transaction>) {
    let view = stored(blocks);
    let time = START + 5 * blocks.len() as u64;
    let sent = transactions.into_iter().map(|one| Recovered::new_unchecked(one, address(1)));
    let candidate = rules.propose(&view, view.head(), sent.collect::<Vec<_>>(), address(9), time);
    let block = candidate.expect("a block can be built").block().clone();
    blocks.push(rules.import(&view, block, time).expect("an own block is sound"));
}

/// The node, or its peer.
pub struct Listener<'a> {
    stage: &'a Stage,
    /// Who it is.
    pub id: PeerId,
    view: MemoryChain,
    pool: Pool,
    ballots: Ballots,
    machine: Machine,
    reader: Reader,
    finalized: Checkpoint,
    /// Milliseconds since it began.
    now: u64,
}

impl<'a> Listener<'a> {
    /// The node.
    pub fn new(stage: &'a Stage) -> Self {
        Self::with(stage, ME, &stage.ours)
    }

    /// The peer that signs its frames, as it would be if it said what is true.
    pub fn signer(stage: &'a Stage) -> Self {
        Self::with(stage, SIGNER, &stage.theirs)
    }

    /// A peer that has the heaviest chain, and was not heard yet.
    pub fn honest(stage: &'a Stage) -> Self {
        Self::with(stage, HONEST, &stage.longer)
    }

    fn with(stage: &'a Stage, number: u8, blocks: &[Imported]) -> Self {
        let id = address(number);
        let operators = stage.rules.operators.clone().expect("there are some");
        Self {
            stage,
            id,
            view: stored(blocks),
            pool: Pool::new(PoolLimits::default()),
            ballots: Ballots::new(stage.domain(), operators, None),
            machine: Machine::new(id, MESSAGE_BYTES_MAX, 0),
            reader: Reader::new(stage.genesis, id),
            finalized: Checkpoint { height: 0, hash: stage.genesis },
            now: 0,
        }
    }

    /// Time passes.
    pub fn pass(&mut self, milliseconds: u64) -> Vec<Sent> {
        self.now += milliseconds;
        self.run(Input::Tick)
    }

    /// Takes bytes that a peer sent. There is one spelling of what they say.
    pub fn hear(&mut self, from: PeerId, bytes: &[u8]) -> Vec<Sent> {
        if self.machine.ignores(from) {
            return Vec::new();
        }
        self.run(match Message::decode(bytes) {
            Ok(message) => {
                assert_eq!(message.encode(), bytes, "a message has one spelling");
                Input::Heard(from, message)
            }
            Err(_) => Input::Lied(from, Lie::Malformed),
        })
    }

    /// Takes a frame from the line.
    pub fn read(&mut self, frame: &Bytes) -> Vec<Sent> {
        let Ok((from, message)) = self.reader.read(frame) else { return Vec::new() };
        assert_eq!(message[..], frame[FRAME_BYTES..]);
        assert_eq!(self.reader.read(frame), Err(FrameError::Repeated));
        self.hear(from, &message)
    }

    /// Puts a transaction into the pool.
    pub fn submit(&mut self, transaction: Transaction) -> Vec<Sent> {
        let hash = *transaction.tx_hash();
        self.take(transaction).expect("it is fit for the pool");
        self.run(Input::Pooled(hash))
    }

    /// Takes what happened, and does all that follows from it.
    fn run(&mut self, input: Input) -> Vec<Sent> {
        let (mut inputs, mut sent, mut steps) = (VecDeque::from([input]), Vec::new(), 0);
        while let Some(input) = inputs.pop_front() {
            steps += 1;
            assert!(steps < STEPS_MAX, "it goes on and on: {input:?}");
            for action in self.step(input) {
                self.act(action, &mut inputs, &mut sent);
            }
        }
        let Checkpoint { height, hash } = self.finalized;
        assert_eq!(self.view.canonical_hash(height), Some(hash), "what is final stays");
        for (_, message) in &sent {
            let bytes = message.encode();
            assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes are too many", bytes.len());
            assert_eq!(Message::decode(&bytes).as_ref(), Ok(message));
        }
        sent
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        let pool = &self.pool;
        let transaction =
            |hash: B256| pool.get(&hash).map(|pooled| pooled.transaction.inner().clone());
        let local = Local {
            rules: &self.stage.rules,
            view: &self.view,
            transaction: &transaction,
            certificate: self.ballots.certificate(),
            finalized: self.finalized.height,
            now: self.seconds(),
        };
        self.machine.step(&local, self.now, input)
    }

    fn seconds(&self) -> u64 {
        START + 100 + self.now / 1_000
    }

    fn act(&mut self, action: Action, inputs: &mut VecDeque<Input>, sent: &mut Vec<Sent>) {
        match action {
            Action::Broadcast(message) => sent.push((None, message)),
            Action::Send(to, message) => sent.push((Some(to), message)),
            Action::Import(id, block) => {
                let outcome = match self.import(*block, inputs) {
                    Ok(true) | Err(BlockError::AlreadyKnown(_)) => Outcome::Stored,
                    Ok(false) => Outcome::BelowFinal,
                    Err(reason) => Outcome::Refused(reason),
                };
                inputs.push_back(Input::Imported(id, outcome));
            }
            Action::Submit(from, transaction) => {
                let hash = *transaction.tx_hash();
                inputs.push_back(match self.take(*transaction) {
                    Ok(()) => Input::Pooled(hash),
                    Err(reason) => Input::Refused(from, hash, is_hopeless(&reason)),
                });
            }
            Action::Prefer(hash) => self.prefer(hash, inputs),
            Action::Votes(from, votes) => {
                for vote in votes {
                    match self.ballots.take(vote) {
                        Ok(Taken::Enough(_)) => self.settle(inputs),
                        Ok(_) => {}
                        Err(_) => inputs.push_back(Input::Lied(from, Lie::Checkpoint)),
                    }
                }
            }
            Action::Certificate(from, certificate) => {
                match self.ballots.take_certificate(&certificate) {
                    Ok(true) => self.settle(inputs),
                    Ok(false) => {}
                    Err(_) => inputs.push_back(Input::Lied(from, Lie::Checkpoint)),
                }
            }
            Action::Distrust(..) | Action::Refuse(..) => {}
        }
    }

    /// Whether the block is stored: not if it would undo what is final.
    fn import(&mut self, block: Block, inputs: &mut VecDeque<Input>) -> Result<bool, BlockError> {
        let imported = self.stage.rules.import(&self.view, block, self.seconds())?;
        let (hash, change) = (imported.hash, imported.head.clone());
        let undoes = |change| finality::undone(&self.view, change, self.finalized.height).is_some();
        if change.as_ref().is_some_and(undoes) {
            return Ok(false);
        }
        self.view.store(imported);
        if let Some(change) = change {
            self.follow(&change, inputs);
        }
        if self.certified().is_some_and(|certified| certified.hash == hash) {
            self.settle(inputs);
        }
        Ok(true)
    }

    fn certified(&self) -> Option<Checkpoint> {
        Some(self.ballots.certificate()?.checkpoint)
    }

    /// Follows the newest certificate, if its block is there.
    fn settle(&mut self, inputs: &mut VecDeque<Input>) {
        inputs.push_back(Input::Certified);
        let Some(certified) = self.certified() else { return };
        self.prefer(certified.hash, inputs);
        if self.view.canonical_hash(certified.height) == Some(certified.hash) {
            assert!(certified.height >= self.finalized.height, "what is final stays");
            self.finalized = certified;
        }
    }

    fn prefer(&mut self, hash: B256, inputs: &mut VecDeque<Input>) {
        if !finality::is_better(&self.view, hash, self.certified()) {
            return;
        }
        let change = chain::blockchain::change_to(&self.view, hash).expect("it is stored");
        let undone = finality::undone(&self.view, &change, self.finalized.height);
        assert_eq!(undone, None, "operators that signed one branch undo nothing");
        self.view.move_head(change.clone());
        self.follow(&change, inputs);
    }

    /// Brings the pool to the new head.
    fn follow(&mut self, change: &HeadChange, inputs: &mut VecDeque<Input>) {
        let sent = |hashes: &[B256]| -> Vec<Recovered> {
            let blocks = hashes.iter().filter_map(|hash| self.view.block(*hash));
            let recovered = |one: Transaction| {
                let sender = chain::signature::recover(&one).expect("the block was checked");
                Recovered::new_unchecked(one, sender)
            };
            blocks.flat_map(|block| block.transactions).map(recovered).collect()
        };
        let (returned, included) = (sent(&change.disconnected), sent(&change.connected));
        let back: Vec<B256> = returned.iter().map(|one| *one.inner().tx_hash()).collect();
        let senders: Vec<Address> =
            included.iter().chain(&returned).map(Recovered::signer).collect();
        let mut state = self.state();
        let accounts: HashMap<_, _> = senders
            .into_iter()
            .map(|one| (one, state.account(one).expect("the state is there").unwrap_or_default()))
            .collect();
        self.pool.follow(&accounts, returned);
        let back = back.into_iter().filter(|hash| self.pool.get(hash).is_some());
        inputs.extend(back.map(Input::Pooled));
        inputs.push_back(Input::HeadMoved);
    }

    fn state(&self) -> State<AtBlock<'_, MemoryChain>> {
        let head = self.view.head();
        let root = self.view.header(head).expect("the head is stored").state_root;
        State::at(root, AtBlock::new(&self.view, head))
    }

    fn take(&mut self, transaction: Transaction) -> Result<(), PoolError> {
        if self.pool.get(transaction.tx_hash()).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        let admitted = chain::pool::admit(transaction, &self.stage.rules, &PoolLimits::default())?;
        let account = self.state().account(admitted.signer()).expect("the state is there");
        self.pool.add(admitted, &account.unwrap_or_default()).map(drop)
    }

    /// Whether another one has the same head, certificate and pool.
    pub fn agrees(&self, other: &Self) -> bool {
        self.view.head() == other.view.head()
            && self.ballots.certificate() == other.ballots.certificate()
            && self.pool.len() == other.pool.len()
    }

    /// Nothing is held for ever of peers that are silent from now on.
    pub fn forgets(&mut self) {
        let status = self.machine.status();
        assert!(status.peers.len() <= PEERS_MAX && status.ignored <= IGNORED_MAX);
        for _ in 0..12 {
            self.pass(10_000);
        }
        let status = self.machine.status();
        assert!(status.peers.is_empty() && status.syncing.is_none(), "{status:?}");
        self.pass(IGNORED_FOR);
        assert_eq!(self.machine.status().ignored, 0);
    }
}
