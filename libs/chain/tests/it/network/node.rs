//! A node of the simulation: the machine, a chain in memory, a pool, a miner, an operator's key.

use crate::support::Key;
use alloy_primitives::{Address, B256, B512};
use chain::block::Recovered;
use chain::checkpoint::{Ballots, Checkpoint, Domain, Taken, Vote};
use chain::sync::{Action, Input, Local, Machine, Message, Outcome, PeerId};
use chain::{
    Block, BlockError, Candidate, ChainView, Genesis, GenesisSpec, HeadChange, Imported,
    MemoryChain, Pool, PoolError, PoolLimits, Rules, State, Transaction, finality,
};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Bytes of a message in the simulation.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Something to be sent: to one peer, or to all.
pub(crate) type Sent = (Option<PeerId>, Vec<u8>);

pub(crate) struct Node {
    pub(crate) id: PeerId,
    key: Key,
    pub(crate) rules: Rules,
    pub(crate) view: MemoryChain,
    pub(crate) pool: Pool,
    pub(crate) machine: Machine,
    pub(crate) ballots: Option<Ballots>,
    operates: bool,
    /// Blocks below the head that are final, or are voted for.
    pub(crate) lag: u64,
    pub(crate) finalized: u64,
    /// Hashes per second.
    pub(crate) rate: u64,
    candidate: Option<(Candidate, u64)>,
    /// Depth of the deepest reorganisation.
    pub(crate) undone_max: usize,
    pub(crate) refused: Vec<u64>,
    /// What each peer was found to do.
    pub(crate) distrusted: BTreeMap<PeerId, Vec<&'static str>>,
    pub(crate) ignored: Vec<PeerId>,
}

impl Node {
    pub(crate) fn new(number: u8, spec: &GenesisSpec, now: u64) -> Self {
        let Genesis { rules, imported, .. } = spec.build().unwrap();
        let (genesis, key) = (imported.hash, Key::new(number));
        let mut view = MemoryChain::default();
        view.store(imported);
        let id = key.address();
        let domain = Domain { chain_id: rules.chain_id, genesis };
        let ballots =
            rules.operators.clone().map(|operators| Ballots::new(domain, operators, None));
        let operates = rules.operators.as_ref().is_some_and(|all| all.keys.contains(&id));
        Self {
            id,
            key,
            rules,
            view,
            pool: Pool::new(PoolLimits::default()),
            machine: Machine::new(id, MESSAGE_BYTES_MAX, now),
            ballots,
            operates,
            lag: 1_000,
            finalized: 0,
            rate: 0,
            candidate: None,
            undone_max: 0,
            refused: Vec::new(),
            distrusted: BTreeMap::new(),
            ignored: Vec::new(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.view.header(self.view.head()).unwrap().number
    }

    pub(crate) fn state_root(&self) -> B256 {
        self.view.header(self.view.head()).unwrap().state_root
    }

    /// How it stands, for whoever reads a failure.
    pub(crate) fn tale(&self) -> String {
        let (head, status) = (self.view.head(), self.machine.status());
        format!(
            "{} at {} {head}, final {}, certified {:?}, refused {:?}, distrusted {:?}, {status:?}",
            self.id,
            self.number(),
            self.finalized,
            self.certified(),
            self.refused.iter().rev().take(5).collect::<Vec<_>>(),
            self.distrusted,
        )
    }

    pub(crate) fn hear(&mut self, at: u64, from: PeerId, bytes: &[u8]) -> Vec<Sent> {
        let input = match Message::decode(bytes) {
            Ok(message) => Input::Heard(from, message),
            Err(_) => Input::Lied(from, chain::sync::Lie::Malformed),
        };
        self.run(at, input)
    }

    /// Takes what happened and does all that follows from it.
    pub(crate) fn run(&mut self, at: u64, input: Input) -> Vec<Sent> {
        let (mut inputs, mut sent) = (VecDeque::from([input]), Vec::new());
        while let Some(input) = inputs.pop_front() {
            for action in self.step(at, input) {
                self.act(at, action, &mut inputs, &mut sent);
            }
        }
        sent
    }

    fn step(&mut self, at: u64, input: Input) -> Vec<Action> {
        let pool = &self.pool;
        let transaction =
            |hash: B256| pool.get(&hash).map(|pooled| pooled.transaction.inner().clone());
        let local = Local {
            rules: &self.rules,
            view: &self.view,
            transaction: &transaction,
            certificate: self.ballots.as_ref().and_then(Ballots::certificate),
            finalized: self.finalized,
            now: seconds(at),
        };
        self.machine.step(&local, at, input)
    }

    fn act(&mut self, at: u64, action: Action, inputs: &mut VecDeque<Input>, sent: &mut Vec<Sent>) {
        match action {
            Action::Broadcast(message) => sent.push((None, message.encode())),
            Action::Send(to, message) => sent.push((Some(to), message.encode())),
            Action::Import(id, block) => {
                let outcome = match self.import(*block, seconds(at), inputs) {
                    Ok(()) | Err(BlockError::AlreadyKnown(_)) => Outcome::Stored,
                    Err(reason) => Outcome::Refused(reason),
                };
                inputs.push_back(Input::Imported(id, outcome));
            }
            Action::Submit(from, transaction) => {
                let hash = *transaction.tx_hash();
                inputs.push_back(match self.submit(*transaction) {
                    Ok(()) => Input::Pooled(hash),
                    Err(reason) => Input::Refused(from, hash, chain::sync::is_hopeless(&reason)),
                });
            }
            Action::Prefer(hash) => self.prefer(hash, inputs),
            Action::Votes(from, votes) => {
                for vote in votes {
                    self.take_vote(from, vote, inputs);
                }
            }
            Action::Certificate(from, certificate) => {
                let Some(ballots) = &mut self.ballots else { return };
                match ballots.take_certificate(&certificate) {
                    Ok(true) => self.settle(inputs),
                    Ok(false) => {}
                    Err(_) => inputs.push_back(Input::Lied(from, chain::sync::Lie::Checkpoint)),
                }
            }
            Action::Distrust(peer, lie, ignored) => {
                self.distrusted.entry(peer).or_default().push(lie.code());
                self.ignored.extend(ignored.then_some(peer));
            }
            Action::Refuse(_, height) => self.refused.push(height),
        }
    }

    fn take_vote(&mut self, from: PeerId, vote: Vote, inputs: &mut VecDeque<Input>) {
        let Some(ballots) = &mut self.ballots else { return };
        match ballots.take(vote) {
            Ok(Taken::Enough(_)) => self.settle(inputs),
            Ok(_) => {}
            Err(_) => inputs.push_back(Input::Lied(from, chain::sync::Lie::Checkpoint)),
        }
    }

    fn certified(&self) -> Option<Checkpoint> {
        Some(self.ballots.as_ref()?.certificate()?.checkpoint)
    }

    /// Follows the newest certificate, if its block is there.
    fn settle(&mut self, inputs: &mut VecDeque<Input>) {
        inputs.push_back(Input::Certified);
        let Some(certified) = self.certified() else { return };
        self.prefer(certified.hash, inputs);
        if self.view.canonical_hash(certified.height) == Some(certified.hash) {
            assert!(certified.height >= self.finalized, "what is final stays");
            self.finalized = certified.height;
        }
    }

    fn prefer(&mut self, hash: B256, inputs: &mut VecDeque<Input>) {
        if !finality::is_better(&self.view, hash, self.certified()) {
            return;
        }
        let change = chain::blockchain::change_to(&self.view, hash).unwrap();
        let undone = finality::undone(&self.view, &change, self.finalized);
        assert_eq!(undone, None, "honest operators never certify two branches");
        self.view.move_head(change.clone());
        self.follow(&change, inputs);
    }

    fn import(
        &mut self,
        block: Block,
        now: u64,
        inputs: &mut VecDeque<Input>,
    ) -> Result<(), BlockError> {
        let imported = self.rules.import(&self.view, block, now)?;
        self.store(imported, inputs);
        Ok(())
    }

    fn store(&mut self, imported: Imported, inputs: &mut VecDeque<Input>) {
        let (hash, change) = (imported.hash, imported.head.clone());
        if let Some(change) = &change
            && let Some(height) = finality::undone(&self.view, change, self.finalized)
        {
            self.refused.push(height);
            return;
        }
        self.view.store(imported);
        if let Some(change) = change {
            self.follow(&change, inputs);
        }
        if self.certified().is_some_and(|certified| certified.hash == hash) {
            self.settle(inputs);
        }
    }

    fn follow(&mut self, change: &HeadChange, inputs: &mut VecDeque<Input>) {
        self.undone_max = self.undone_max.max(change.disconnected.len());
        self.candidate = None;
        let (number, deep) = (self.number(), self.number().saturating_sub(self.lag));
        if self.ballots.is_none() {
            self.finalized = self.finalized.max(deep);
        }
        let transactions = |hashes: &[B256]| -> Vec<Recovered> {
            let blocks = hashes.iter().filter_map(|hash| self.view.block(*hash));
            let all = blocks.flat_map(|block| block.transactions);
            all.map(|one| {
                let sender = chain::signature::recover(&one).unwrap();
                Recovered::new_unchecked(one, sender)
            })
            .collect()
        };
        let returned = transactions(&change.disconnected);
        let back: Vec<B256> = returned.iter().map(|one| *one.inner().tx_hash()).collect();
        let senders: Vec<Address> = transactions(&change.connected)
            .iter()
            .chain(&returned)
            .map(Recovered::signer)
            .collect();
        let mut state =
            State::at(self.state_root(), chain::AtBlock::new(&self.view, self.view.head()));
        let accounts: HashMap<_, _> = senders
            .into_iter()
            .map(|sender| (sender, state.account(sender).unwrap().unwrap_or_default()))
            .collect();
        self.pool.follow(&accounts, returned);
        inputs.extend(
            back.into_iter().filter(|hash| self.pool.get(hash).is_some()).map(Input::Pooled),
        );
        inputs.push_back(Input::HeadMoved);
        if self.operates && number > self.lag {
            self.vote(deep, inputs);
        }
    }

    fn vote(&mut self, height: u64, inputs: &mut VecDeque<Input>) {
        let (domain, due) = match &self.ballots {
            Some(ballots) => (ballots.domain(), ballots.due(&self.view, self.id, height)),
            None => return,
        };
        if let Some(checkpoint) = due {
            let vote = sign(&self.key, checkpoint, domain);
            self.take_vote(self.id, vote, inputs);
            inputs.push_back(Input::Voted(vote));
        }
    }

    pub(crate) fn submit(&mut self, transaction: Transaction) -> Result<(), PoolError> {
        if self.pool.get(transaction.tx_hash()).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        let admitted = chain::pool::admit(transaction, &self.rules, &PoolLimits::default())?;
        let mut state =
            State::at(self.state_root(), chain::AtBlock::new(&self.view, self.view.head()));
        let account = state.account(admitted.signer()).unwrap().unwrap_or_default();
        self.pool.add(admitted, &account).map(|_| ())
    }

    /// Tries as many nonces as it can between two moments; imports what it finds.
    pub(crate) fn mine(&mut self, at: u64, milliseconds: u64) -> Vec<Sent> {
        let tries = self.rate * at / 1_000 - self.rate * (at - milliseconds) / 1_000;
        if tries == 0 {
            return Vec::new();
        }
        let candidate = self.candidate.take().filter(|(_, until)| at < *until);
        let Some((candidate, until)) = candidate.or_else(|| Some((self.propose(at)?, at + 1_000)))
        else {
            return Vec::new();
        };
        // Every miner searches elsewhere, and elsewhere each time.
        let start = u64::from_be_bytes(self.id[..8].try_into().unwrap()).wrapping_add(at << 20);
        let Some(nonce) = candidate.seal(start, tries) else {
            self.candidate = Some((candidate, until));
            return Vec::new();
        };
        let imported = self.rules.adopt(&self.view, candidate, nonce).unwrap();
        let mut inputs = VecDeque::new();
        self.store(imported, &mut inputs);
        inputs.into_iter().flat_map(|input| self.run(at, input)).collect()
    }

    fn propose(&self, at: u64) -> Option<Candidate> {
        let parent = self.view.head();
        let base_fee = self.rules.next_base_fee(&self.view.header(parent)?);
        let best = self.pool.best(base_fee).map(|pooled| pooled.transaction.clone());
        let right = self.rules.right_to_mine(&self.view, parent, self.id).unwrap();
        let right = right.map(|unsigned| self.key.send(unsigned));
        let all = right.into_iter().chain(best);
        match self.rules.propose(&self.view, parent, all, self.id, seconds(at)) {
            Ok(candidate) => Some(candidate),
            Err(BlockError::TimeAhead { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn sign(key: &Key, checkpoint: Checkpoint, domain: Domain) -> Vote {
    let signature = key.signature(checkpoint.signing_hash(domain));
    Vote { checkpoint, signature: B512::new(signature.as_erc2098()) }
}

pub(crate) fn seconds(at: u64) -> u64 {
    crate::support::START + at / 1_000
}
