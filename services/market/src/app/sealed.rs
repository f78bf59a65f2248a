//! Sealed orders in the writer: commitments in and out, gates closed, what was deposited opened.

use alloy_primitives::{B256, keccak256};
use calendar::Timestamp;
use events::Envelope;
use events::market::CommitmentExpired;
use ids::AccountId;

use super::batch::Batch;
use super::desk::{Applied, Refused, SealedIn};
use crate::chain;
use crate::domain::{
    Entry, NewCommitment, NewOrder, Opening, Placement, Rejection, Seal, commitment,
};

impl Batch<'_> {
    pub(super) fn seal(&mut self, new: &NewCommitment) -> Result<SealedIn, Refused> {
        let now = self.writer.tools.clock.now();
        match self.exchange.seal(new, &self.writer.parameters, now)? {
            Seal::Repeated(commitment) => Ok(SealedIn { commitment: *commitment, repeated: true }),
            Seal::New(commitment) => {
                self.record(Entry::Sealed((*commitment).clone()));
                Ok(SealedIn { commitment: *commitment, repeated: false })
            }
        }
    }

    /// Seals what a standing rule orders. The salt follows from the order by the delegate's key, so
    /// that nobody without it can guess either from the other.
    pub(super) fn seal_rule(&mut self, order: &NewOrder, slot: Timestamp) -> Result<(), Refused> {
        let secret = keccak256([b"Wattex salt 1".as_slice(), order.hash.as_slice()].concat());
        let salt = keccak256(self.writer.tools.delegate.sign(secret).as_bytes());
        let new = NewCommitment {
            hash: commitment(order.hash, salt),
            account: order.account,
            slot,
            deposit: Some((order.clone(), salt)),
        };
        self.seal(&new).map(drop)
    }

    pub(super) fn withdraw(
        &mut self,
        commitment: B256,
        account: AccountId,
    ) -> Result<SealedIn, Refused> {
        let now = self.writer.tools.clock.now();
        let parameters = &self.writer.parameters;
        let entry = self.exchange.withdraw_seal(commitment, account, parameters, now)?;
        let repeated = entry.is_none();
        entry.into_iter().for_each(|entry| self.record(entry));
        let known = self.exchange.commitment(commitment).ok_or(Rejection::Unknown)?;
        Ok(SealedIn { commitment: known.clone(), repeated })
    }

    pub(super) fn open(&mut self, opening: Opening, order: &NewOrder) -> Result<Applied, Refused> {
        let now = self.writer.tools.clock.now();
        // Whoever is quick need not wait for the next tick.
        self.close_gates(now);
        match self.exchange.open(opening, order, &self.writer.parameters, now)? {
            Placement::New(accepted) => {
                self.record(Entry::Accepted(*accepted));
                Ok(self.applied(order.id, false))
            }
            Placement::Repeated(order) => Ok(self.applied(order.id, true)),
        }
    }

    /// Closes the gates that are over, has their roots go on chain, and opens what was deposited;
    /// whether there was anything.
    pub(super) fn close_gates(&mut self, now: Timestamp) -> bool {
        let writer = self.writer;
        let parameters = &writer.parameters;
        let over = self.exchange.gates_to_close(parameters, now);
        let mut any = !over.is_empty() | self.resume(now);
        for slot in over {
            let book = self.exchange.sealed_book(slot).expect("a gate is of a slot with a book");
            let root = book.root();
            self.record(Entry::GateClosed { slot, root, at: now });
            let sealed =
                chain::sealed((writer.name.as_str(), slot), root, &writer.tools.deployment);
            self.transactions.push(sealed);
        }
        for (opening, order) in self.exchange.deposits_due() {
            any = true;
            let commitment = opening.commitment;
            let opened = match self.exchange.open(opening, &order, parameters, now) {
                Ok(Placement::New(accepted)) => Ok(accepted),
                Ok(Placement::Repeated(_)) => Err(Rejection::Commitment),
                Err(why) => Err(why),
            };
            match opened {
                Ok(accepted) => self.record(Entry::Accepted(*accepted)),
                Err(why) => {
                    self.count_rejection(why, || commitment.to_string());
                    let why = why.code().to_owned();
                    self.record(Entry::SealRefused { commitment, why, at: now });
                }
            }
        }
        any
    }

    /// Has commitments opened anew that could not be while nobody wrote the market; whether there
    /// were any. Standing rules were not looked at since this process has taken over.
    fn resume(&mut self, now: Timestamp) -> bool {
        if self.rules_at.is_some() {
            return false;
        }
        let clearing = self.writer.clearing.as_ref().map(|clearing| clearing.slot.start);
        let cut = self.exchange.cut_short(&self.writer.parameters, now);
        let cut = cut.into_iter().filter(|slot| clearing != Some(*slot));
        let cut: Vec<Timestamp> = cut.collect();
        let any = !cut.is_empty();
        cut.into_iter().for_each(|slot| self.record(Entry::RevealResumed { slot, at: now }));
        any
    }

    /// Tells of commitments of a slot that was just cleared which count as left unopened.
    pub(super) fn announce_expired(&mut self, slot: Timestamp, now: Timestamp) {
        let parameters = &self.writer.parameters;
        let book = self.exchange.sealed_book(slot);
        let counted = book.into_iter().flat_map(|book| &book.commitments);
        for known in counted.filter(|known| known.counted) {
            let event = CommitmentExpired {
                community: parameters.community,
                zone: parameters.zone,
                commitment: known.hash,
                account: known.account,
                slot,
            };
            self.envelopes.push(Envelope::of(&event, &known.hash.to_string(), now));
        }
    }
}
