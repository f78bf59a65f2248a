//! What peers say: announcements, questions, answers.

use super::lie::Lie;
use super::message::{
    Announcement, Bodies, HASHES_PER_ANNOUNCEMENT_MAX, HEADERS_PER_REQUEST_MAX, Headers, Message,
    Part, Transactions, VOTES_PER_MESSAGE_MAX, Votes,
};
use super::peer::{Asked, Head, Peer, Question};
use super::{
    Action, Local, Machine, PEERS_MAX, PeerId, TOLD_EVERY, WANTED_PER_PEER_MAX, announcement, serve,
};
use crate::blockchain::BlockError;
use crate::header;
use crate::rules::TIME_AHEAD_MAX;
use crate::view::ChainView;
use alloy_primitives::B256;

impl Machine {
    pub(super) fn heard<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        from: PeerId,
        message: Message,
    ) {
        if self.ignores(from) || !self.meet(local, from) {
            return;
        }
        let own_max = self.bytes_max;
        let answered = match message {
            Message::Announcement(announcement) => self.announced(local, from, announcement),
            Message::GetHeaders(asked) => self.answer(from, serve::headers(local, own_max, &asked)),
            Message::GetBodies(asked) => self.answer(from, serve::bodies(local, own_max, &asked)),
            Message::GetPart(asked) => {
                // What is not there any more is not answered: the peer asks somebody else.
                serve::part(local, own_max, &asked)
                    .map_or(Ok(()), |part| self.answer(from, Ok(part)))
            }
            Message::GetTransactions(asked) => {
                self.answer(from, serve::transactions(local, own_max, &asked))
            }
            Message::Headers(headers) => self.take_headers(local, from, headers),
            Message::Bodies(bodies) => self.take_bodies(from, bodies),
            Message::Part(part) => self.take_part(from, part),
            Message::Transactions(transactions) => {
                self.take_transactions(local, from, transactions)
            }
            Message::Votes(Votes { votes }) if votes.len() > VOTES_PER_MESSAGE_MAX => {
                Err(Lie::Oversized)
            }
            Message::Votes(Votes { votes }) => {
                self.actions.push(Action::Votes(from, votes));
                Ok(())
            }
        };
        match answered {
            Ok(()) => {}
            Err(lie @ (Lie::Unasked | Lie::Transaction)) => self.distrust(from, lie),
            Err(lie) => self.give_up(from, lie),
        }
    }

    /// Notes that a peer is there; whether it is listened to. A new one is told where we stand.
    fn meet<V: ChainView>(&mut self, local: &Local<'_, V>, from: PeerId) -> bool {
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.heard = now;
            return !peer.floods(now);
        }
        if self.peers.len() >= PEERS_MAX {
            // Those that gave no block lately make room, the longest unheard first.
            let mut strangers: Vec<(u64, PeerId)> = self
                .peers
                .iter()
                .filter(|(_, peer)| !peer.is_useful(now) && peer.branch.is_none())
                .map(|(id, peer)| (peer.heard, *id))
                .collect();
            strangers.sort();
            let Some((_, leaves)) = strangers.first() else { return false };
            let peer = self.peers.remove(leaves);
            let asked = peer.and_then(|peer| peer.transactions).map(|asked| asked.what);
            self.gossip.fetched(&asked.unwrap_or_default());
        }
        self.peers.insert(from, Peer::new(now));
        self.tell(local, from);
        true
    }

    /// Tells one peer where we stand, now and then.
    fn tell<V: ChainView>(&mut self, local: &Local<'_, V>, to: PeerId) {
        let Some(peer) = self.peers.get_mut(&to) else { return };
        if peer.told != 0 && self.now < peer.told + TOLD_EVERY {
            return;
        }
        peer.told = self.now.max(1);
        if let Some(announcement) = announcement(local, Vec::new()) {
            self.actions.push(Action::Send(to, announcement.into()));
        }
    }

    fn answer(&mut self, to: PeerId, answer: Result<Message, Lie>) -> Result<(), Lie> {
        self.actions.push(Action::Send(to, answer?));
        Ok(())
    }

    fn announced<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        from: PeerId,
        announcement: Announcement,
    ) -> Result<(), Lie> {
        let Announcement { head, work, transactions, mut certificate } = announcement;
        if transactions.len() > HASHES_PER_ANNOUNCEMENT_MAX || certificate.len() > 1 {
            return Err(Lie::Oversized);
        }
        let hash = head.hash();
        if local.view.header(hash).is_none() {
            check_alone(&head, hash, local.now)?;
        }
        let Some(peer) = self.peers.get_mut(&from) else { return Ok(()) };
        let certificate = certificate.pop();
        peer.checkpoint = certificate.as_ref().map(|certificate| certificate.checkpoint);
        let is_behind = work < local.work()
            || peer.checkpoint.map(|own| own.height)
                < local.certificate.map(|ours| ours.checkpoint.height);
        peer.head = Some(Head { hash, header: head, work });
        let room = WANTED_PER_PEER_MAX.saturating_sub(peer.hashes.len());
        peer.hashes.extend(transactions.into_iter().take(room));
        if let Some(certificate) = certificate
            && local.rules.operators.is_some()
            && certificate.checkpoint.height
                > local.certificate.map_or(0, |ours| ours.checkpoint.height)
        {
            self.actions.push(Action::Certificate(from, Box::new(certificate)));
        }
        if is_behind {
            self.tell(local, from);
        }
        self.ask_for_transactions(local, from);
        Ok(())
    }

    fn take_headers<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        from: PeerId,
        answer: Headers,
    ) -> Result<(), Lie> {
        let Some(Asked::Headers) = self.asked(from, answer.id)? else { return Ok(()) };
        if answer.headers.len() > HEADERS_PER_REQUEST_MAX {
            return Err(Lie::Oversized);
        }
        let peer = self.peers.get_mut(&from);
        let Some(branch) = peer.and_then(|peer| peer.branch.as_mut()) else { return Ok(()) };
        branch.extend(local, answer.headers)
    }

    fn take_bodies(&mut self, from: PeerId, answer: Bodies) -> Result<(), Lie> {
        let Some(Asked::Bodies(asked)) = self.asked(from, answer.id)? else { return Ok(()) };
        let peer = self.peers.get_mut(&from);
        let Some(branch) = peer.and_then(|peer| peer.branch.as_mut()) else { return Ok(()) };
        branch.take_bodies(&asked, answer.bodies)
    }

    fn take_part(&mut self, from: PeerId, part: Part) -> Result<(), Lie> {
        let hash: Option<B256> = match self.asked(from, part.id)? {
            Some(Asked::Bodies(asked)) => asked.first().copied(),
            Some(Asked::Part(hash)) => Some(hash),
            _ => None,
        };
        let Some(hash) = hash else { return Ok(()) };
        let peer = self.peers.get_mut(&from);
        let Some(branch) = peer.and_then(|peer| peer.branch.as_mut()) else { return Ok(()) };
        branch.take_part(hash, part)
    }

    /// What was asked for by the question with this number, which is answered now. Nothing if that
    /// comes late or again: lines do so too.
    fn asked(&mut self, from: PeerId, id: u64) -> Result<Option<Asked>, Lie> {
        self.was_asked(id)?;
        let Some(peer) = self.peers.get_mut(&from) else { return Ok(None) };
        let question = peer.question.take_if(|question| question.id == id);
        if question.is_some() {
            peer.silences = 0;
        }
        Ok(question.map(|question| question.what))
    }

    fn was_asked(&self, id: u64) -> Result<(), Lie> {
        if (1..=self.counter).contains(&id) { Ok(()) } else { Err(Lie::Unasked) }
    }

    fn take_transactions<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        from: PeerId,
        answer: Transactions,
    ) -> Result<(), Lie> {
        self.was_asked(answer.id)?;
        let Some(peer) = self.peers.get_mut(&from) else { return Ok(()) };
        let asked = peer.transactions.take_if(|question| question.id == answer.id);
        let Some(Question { what: asked, .. }) = asked else { return Ok(()) };
        peer.silences = 0;
        self.gossip.fetched(&asked);
        for transaction in answer.transactions {
            if !asked.contains(transaction.tx_hash()) {
                return Err(Lie::Unasked);
            }
            self.actions.push(Action::Submit(from, Box::new(transaction)));
        }
        self.ask_for_transactions(local, from);
        Ok(())
    }
}

/// What can be said of a header without its parent.
fn check_alone(head: &crate::Header, hash: B256, now: u64) -> Result<(), Lie> {
    let refused = |reason| Err(Lie::Block { hash, reason: Box::new(reason) });
    if !head.is_sealed() {
        let target = B256::from(header::target(head.difficulty).to_be_bytes());
        return refused(BlockError::Work { pow_hash: head.pow_hash(), target });
    }
    let max = now.saturating_add(TIME_AHEAD_MAX);
    if head.timestamp > max {
        return refused(BlockError::TimeAhead { got: head.timestamp, max });
    }
    Ok(())
}
