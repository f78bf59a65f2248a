//! A relay as services keep it: signed transactions in nonce order, sent until they are final, and
//! signed again with more to pay by the product's own choice of fees.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{B256, TxKind, U256};
use chain::Recovered;
use client::Transaction;
use client::fees::{Answer, Fees, Waiting, next_fees};
use keys::SecretKey;

use super::counts::Counts;
use super::node::Node;
use super::scene::CHAIN_ID;

/// How a round ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    /// As it should.
    Done,
    /// The process dies before it writes what it found and signed.
    DiesBeforeNotes,
    /// It dies when that is written, before it sends what it signed.
    DiesBeforeSending,
}

/// What came of a round.
#[derive(Default)]
pub(super) struct Round {
    /// Causes that reverted for good.
    reverted: Vec<String>,
    /// Transactions that were signed again.
    replaced: usize,
    /// Transactions that became final by another than their last attempt.
    earlier: usize,
}

impl Luck {
    /// The path to count for it.
    pub(super) fn path(self) -> Option<&'static str> {
        match self {
            Luck::Done => None,
            Luck::DiesBeforeNotes => Some("crash: relay lost its notes"),
            Luck::DiesBeforeSending => Some("crash: relay signed and did not send"),
        }
    }
}

impl Round {
    /// Counts what came of it; the causes that reverted for good.
    pub(super) fn counted(self, counts: &mut Counts) -> Vec<String> {
        (0..self.replaced).for_each(|_| counts.add("transaction: signed again for more"));
        (0..self.earlier).for_each(|_| counts.add("transaction: an earlier attempt counts"));
        self.reverted
    }
}

struct Attempt {
    hash: B256,
    transaction: Recovered,
    fees: Fees,
    signed_at: u64,
}

struct Kept {
    call: Transaction,
    nonce: u64,
    attempts: Vec<Attempt>,
    /// The height when it was first signed, or when a block lost it.
    since: Option<u64>,
    ended: Option<bool>,
    is_final: bool,
}

/// Kept transactions of one sender. All of it is durable, except what a round did not write.
pub(super) struct Relay {
    key: SecretKey,
    kept: Vec<Kept>,
}

/// A transaction as a round found it: the attempt that a block has, with height and success, or
/// what the node said to the last one.
enum Found {
    Included { attempt: usize, number: u64, success: bool },
    Waits(Answer),
}

impl Kept {
    fn find(&self, node: &mut Node) -> Found {
        let included = self.attempts.iter().enumerate().rev().find_map(|(attempt, one)| {
            let (number, success) = node.included(one.hash)?;
            Some(Found::Included { attempt, number, success })
        });
        included.unwrap_or_else(|| {
            let last = self.attempts.last().map(|last| last.transaction.clone());
            Found::Waits(last.map_or(Answer::Refused, |last| node.send(last)))
        })
    }

    fn in_line(&self, answer: Answer, height: u64) -> Waiting {
        let Some(last) = self.attempts.last() else { return Waiting::New };
        let from = last.signed_at.max(self.since.unwrap_or(height));
        Waiting::Sent { fees: last.fees, answer, blocks: height.saturating_sub(from) }
    }
}

impl Relay {
    pub(super) fn new(key: SecretKey) -> Relay {
        Relay { key, kept: Vec::new() }
    }

    /// Whether a transaction that follows from `cause` waits or succeeded.
    pub(super) fn knows(&self, cause: &str) -> bool {
        let mut same = self.kept.iter().filter(|kept| kept.call.cause == cause);
        same.any(|kept| kept.ended != Some(false) || !kept.is_final)
    }

    /// Keeps a transaction under the next nonce, unless its cause is known.
    pub(super) fn enqueue(&mut self, transaction: &Transaction) {
        if self.knows(&transaction.cause) {
            return;
        }
        self.kept.push(Kept {
            call: transaction.clone(),
            nonce: self.kept.len() as u64,
            attempts: Vec::new(),
            since: None,
            ended: None,
            is_final: false,
        });
    }

    /// Sends what no block has, notes how the others ended, and signs what is new or offers too
    /// little.
    pub(super) fn round(&mut self, node: &mut Node, luck: Luck) -> Round {
        let open = self.kept.iter_mut().filter(|kept| !kept.is_final);
        let mut found: Vec<(&mut Kept, Found)> = Vec::new();
        for kept in open {
            let one = kept.find(node);
            found.push((kept, one));
        }
        if luck == Luck::DiesBeforeNotes {
            return Round::default();
        }
        let mut round = Round::default();
        let height = node.height();
        for (kept, found) in &mut found {
            note(kept, found, node, &mut round);
        }
        let (line, paid) = line(&found, height);
        let fees = next_fees(node.next_base_fee().into(), paid, &line);
        let waiting = found.into_iter().filter(|(_, found)| matches!(found, Found::Waits(_)));
        let mut fresh = Vec::new();
        for ((kept, _), fees) in waiting.zip(fees) {
            let Some(fees) = fees else { continue };
            let attempt = sign(&self.key, kept, fees, height);
            fresh.push(attempt.transaction.clone());
            round.replaced += usize::from(!kept.attempts.is_empty());
            kept.attempts.push(attempt);
        }
        if luck == Luck::Done {
            for transaction in fresh {
                let _answer = node.send(transaction);
            }
        }
        round
    }

    /// Whether everything kept is in a final block.
    pub(super) fn is_done(&self) -> bool {
        self.kept.iter().all(|kept| kept.is_final)
    }
}

fn note(kept: &mut Kept, found: &Found, node: &Node, round: &mut Round) {
    let was_out = kept.ended.is_none();
    match *found {
        Found::Waits(_) => {
            kept.ended = None;
            kept.since = kept.since.filter(|_| was_out).or(Some(node.height()));
        }
        Found::Included { attempt, number, success } => {
            kept.ended = Some(success);
            kept.is_final = number <= node.finalized;
            if kept.is_final && !success {
                round.reverted.push(kept.call.cause.clone());
            }
            let last = attempt + 1 == kept.attempts.len();
            round.earlier += usize::from(kept.is_final && !last);
        }
    }
}

/// What waits, and the fees of the last that does not.
fn line(found: &[(&mut Kept, Found)], height: u64) -> (Vec<Waiting>, Fees) {
    let (mut line, mut paid) = (Vec::new(), Fees::default());
    for (kept, found) in found {
        match found {
            Found::Waits(answer) => line.push(kept.in_line(*answer, height)),
            Found::Included { attempt, .. } => paid = kept.attempts[*attempt].fees,
        }
    }
    (line, paid)
}

fn sign(key: &SecretKey, kept: &Kept, fees: Fees, height: u64) -> Attempt {
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: kept.nonce,
        gas_limit: kept.call.gas,
        max_fee_per_gas: fees.cap,
        max_priority_fee_per_gas: fees.tip,
        to: TxKind::Call(kept.call.to),
        value: U256::ZERO,
        access_list: Default::default(),
        input: kept.call.data.clone(),
    };
    let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
    let (r, s) = (U256::from_be_bytes(r), U256::from_be_bytes(s));
    let signature = alloy_primitives::Signature::new(r, s, odd);
    let signed: TxEnvelope = unsigned.into_signed(signature).into();
    let hash = *signed.tx_hash();
    let transaction = Recovered::new_unchecked(signed, key.address());
    Attempt { hash, transaction, fees, signed_at: height }
}
