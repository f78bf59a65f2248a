//! Which branches are fetched, from whom, and in which steps.

use super::branch::{Branch, Next};
use super::lie::Lie;
use super::message::{self, GetBodies, GetHeaders, GetPart, GetTransactions, Message};
use super::peer::{Asked, Question};
use super::{ANSWER_WITHIN, Action, BRANCHES_MAX, ImportId, Local, Machine, PATIENCE, PeerId};
use crate::view::ChainView;
use alloy_primitives::{B256, U256};
use std::cmp::Reverse;

impl Machine {
    /// Goes on with every branch that waits for nothing, and begins those that are worth it.
    pub(super) fn advance<V: ChainView>(&mut self, local: &Local<'_, V>) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in &ids {
            self.go_on(local, *id);
        }
        let mut idle: Vec<(u32, Reverse<U256>, PeerId)> = ids
            .into_iter()
            .filter_map(|id| {
                let peer = self.peers.get(&id)?;
                let free = peer.branch.is_none() && peer.question.is_none();
                let work = peer.head.as_ref().filter(|_| free)?.work;
                Some((peer.score(self.now), Reverse(work), id))
            })
            .collect();
        idle.sort();
        for (_, _, id) in idle {
            self.begin(local, id);
        }
        let fetching = self.peers.values().filter_map(|peer| peer.branch.as_ref());
        self.starting = match fetching.filter(|branch| !branch.direct).count() {
            0 => None,
            _ => self.starting.or_else(|| Some(local.view.header(local.view.head())?.number)),
        };
    }

    /// Begins to fetch the announced head of an idle peer, if it is worth it and nobody else does.
    fn begin<V: ChainView>(&mut self, local: &Local<'_, V>, id: PeerId) {
        let branches = || self.peers.values().filter_map(|peer| peer.branch.as_ref());
        let Some(peer) = self.peers.get(&id) else { return };
        let Some(head) = peer.head.clone().filter(|head| peer.useless != Some(head.hash)) else {
            return;
        };
        let has_wanted = local.wanted().is_some_and(|wanted| {
            peer.checkpoint.is_some_and(|announced| announced.height >= wanted.height)
        });
        if head.work <= local.work() && !has_wanted {
            return;
        }
        if local.view.header(head.hash).is_some() {
            self.useless(id);
            return self.actions.push(Action::Prefer(head.hash));
        }
        if branches().any(|branch| branch.target == head.hash) {
            return;
        }
        let direct = local.view.header(head.header.parent_hash).is_some();
        let mut others = branches().filter(|branch| !branch.direct);
        let stalled = others.all(|branch| branch.progress + PATIENCE <= self.now);
        let running = branches().filter(|branch| !branch.direct).count();
        if !direct && !stalled {
            return;
        }
        if !direct && running >= BRANCHES_MAX {
            return self.give_way();
        }
        self.counter += 1;
        let mut branch = Branch::new(self.counter, head.hash, head.work, self.now);
        branch.direct = direct;
        let linked = if direct { branch.extend(local, vec![head.header]) } else { Ok(()) };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.branch = Some(branch);
        }
        match linked {
            Ok(()) => self.go_on(local, id),
            Err(lie) => self.give_up(id, lie),
        }
    }

    /// Of branches that have all stalled, the one that did longest makes room for another peer's.
    fn give_way(&mut self) {
        let idle = self.peers.iter().filter_map(|(id, peer)| {
            let branch = peer.branch.as_ref().filter(|branch| !branch.direct)?;
            (branch.importing == 0).then_some((branch.progress, *id))
        });
        if let Some((_, id)) = idle.min() {
            self.give_up(id, Lie::Withheld);
        }
    }

    /// The head that is fetched from a peer leads nowhere.
    fn useless(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.give_up();
        }
    }

    pub(super) fn give_up(&mut self, id: PeerId, lie: Lie) {
        self.useless(id);
        self.distrust(id, lie);
    }

    /// Goes on with the branch of a peer, if it waits for nothing.
    fn go_on<V: ChainView>(&mut self, local: &Local<'_, V>, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(branch) = peer.branch.as_mut() else { return };
        if branch.importing > 0 || peer.question.is_some() {
            return;
        }
        let (of, bytes_max) = (branch.id, self.bytes_max as u64);
        self.counter += 1;
        let number = self.counter;
        let (what, message): (Asked, Message) = match branch.next(local) {
            Err(lie) => return self.give_up(id, lie),
            Ok(Next::Done) if branch.keeps_its_word() => return self.useless(id),
            Ok(Next::Done) => return self.give_up(id, Lie::Withheld),
            Ok(Next::Undoes(height)) => {
                self.useless(id);
                return self.actions.push(Action::Refuse(id, height));
            }
            Ok(Next::Import(blocks)) => {
                let imports = blocks.into_iter().map(|block| {
                    let id = ImportId { from: id, branch: of, hash: block.hash() };
                    Action::Import(id, Box::new(block))
                });
                return self.actions.extend(imports);
            }
            Ok(Next::Headers(after)) => {
                let locator = after.map_or_else(|| locator(local.view), |hash| vec![hash]);
                (Asked::Headers, GetHeaders { id: number, locator, bytes_max }.into())
            }
            Ok(Next::Bodies(hashes)) => {
                let message = GetBodies { id: number, hashes: hashes.clone(), bytes_max };
                (Asked::Bodies(hashes), message.into())
            }
            Ok(Next::Part(hash, offset)) => {
                (Asked::Part(hash), GetPart { id: number, hash, offset, bytes_max }.into())
            }
        };
        peer.question = Some(Question { id: number, deadline: self.now + ANSWER_WITHIN, what });
        self.actions.push(Action::Send(id, message));
    }

    /// Asks a peer for transactions that it announced and nobody else is asked for.
    pub(super) fn ask_for_transactions<V: ChainView>(&mut self, local: &Local<'_, V>, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.transactions.is_some() {
            return;
        }
        let is_known = |hash| (local.transaction)(hash).is_some();
        let hashes = self.gossip.choose(&mut peer.hashes, id, is_known);
        if hashes.is_empty() {
            return;
        }
        self.counter += 1;
        let (number, deadline) = (self.counter, self.now + ANSWER_WITHIN);
        peer.transactions = Some(Question { id: number, deadline, what: hashes.clone() });
        let bytes_max = self.bytes_max as u64;
        let question = GetTransactions { id: number, hashes, bytes_max };
        self.actions.push(Action::Send(id, question.into()));
    }
}

/// Blocks of the best branch, dense at the head and sparse below.
fn locator<V: ChainView>(view: &V) -> Vec<B256> {
    let mut locator = Vec::new();
    let Some(head) = view.header(view.head()) else { return locator };
    let (mut number, mut step) = (head.number, 1);
    while number > 0 && locator.len() < message::LOCATOR_MAX - 1 {
        locator.extend(view.canonical_hash(number));
        if locator.len() >= 10 {
            step *= 2;
        }
        number = number.saturating_sub(step);
    }
    locator.extend(view.canonical_hash(0));
    locator
}
