//! A branch that goes on and on and never weighs enough.

use crate::support::{Key, START, reseal};
use alloy_primitives::{Address, B256, U256};
use chain::sync::message::{Announcement, HEADERS_PER_REQUEST_MAX, Headers};
use chain::sync::{Action, BRANCH_HEADERS_MAX, Input, Local, Machine, Message};
use chain::{Block, ChainView, GenesisSpec, Header, MemoryChain, Mmr, Rules};

/// A chain whose blocks are all as easy as can be, and a block with more work than all of them.
struct Easy {
    rules: Rules,
    view: MemoryChain,
    headers: Vec<Header>,
    mmr: Mmr,
}

impl Easy {
    fn new() -> Self {
        let mut spec = GenesisSpec::new(crate::support::CHAIN_ID, START);
        spec.difficulty = U256::ONE;
        spec.fixed_difficulty = true;
        let genesis = spec.build().unwrap();
        let (mmr, header) = (genesis.imported.mmr.clone(), genesis.imported.block.header.clone());
        let mut view = MemoryChain::default();
        let (rules, hash) = (genesis.rules.clone(), genesis.imported.hash);
        view.store(genesis.imported);
        // As if our own branch were heavy: its first block weighs more than any easy branch.
        let candidate = rules.propose(&view, hash, [], Address::ZERO, START + 5).unwrap();
        let nonce = candidate.seal(0, 1).unwrap();
        let mut imported = rules.adopt(&view, candidate, nonce).unwrap();
        imported.total_difficulty = U256::from(1u64 << 40);
        view.store(imported);
        Self { rules: genesis.rules, view, headers: vec![header], mmr }
    }

    fn after(&mut self, place: usize, count: usize) -> Vec<Header> {
        while self.headers.len() <= place + count {
            let parent = self.headers.last().unwrap().clone();
            let header = Header {
                parent_hash: parent.hash(),
                number: parent.number + 1,
                timestamp: parent.timestamp + 1,
                base_fee_per_gas: self.rules.next_base_fee(&parent),
                mix_hash: parent.pow_hash(),
                extra_data: self.mmr.root(),
                ..parent
            };
            let header = reseal(Block::new(header, Vec::new())).header;
            self.mmr.append(header.hash(), |_, _| {});
            self.headers.push(header);
        }
        self.headers[place + 1..=place + count].to_vec()
    }
}

#[test]
fn a_branch_of_little_work_is_given_up_at_its_limit() {
    let mut easy = Easy::new();
    let (me, liar) = (Key::new(1).address(), Key::new(2).address());
    let mut machine = Machine::new(me, 1 << 20, 0);
    // The announced head is on no branch: it is never handed out.
    let far = Header { state_root: B256::repeat_byte(1), ..easy.after(600, 1).remove(0) };
    let far = reseal(Block::new(far, Vec::new())).header;
    let claimed = U256::from(1u64 << 41);
    let (transactions, certificate) = (Vec::new(), Vec::new());
    let announcement = Announcement { head: far, work: claimed, transactions, certificate };
    let mut input = Input::Heard(liar, announcement.into());
    let mut given = 0;
    loop {
        let local = Local {
            rules: &easy.rules,
            view: &easy.view,
            transaction: &|_| None,
            certificate: None,
            finalized: 0,
            now: START + 100_000,
        };
        let actions = machine.step(&local, 0, input);
        let found = actions.iter().find_map(|action| match action {
            Action::Distrust(peer, lie, ignored) => Some((*peer, lie.code(), *ignored)),
            _ => None,
        });
        if let Some(found) = found {
            assert_eq!(found, (liar, "low_work", true));
            break;
        }
        let asked = actions.into_iter().find_map(|action| match action {
            Action::Send(_, Message::GetHeaders(asked)) => Some(asked),
            Action::Import(..) => panic!("nothing of it is worth an import"),
            _ => None,
        });
        let asked = asked.expect("it asks for more");
        assert!(given < BRANCH_HEADERS_MAX, "it asks although {given} headers are enough");
        assert!(asked.locator.contains(&easy.headers[given].hash()));
        let headers = easy.after(given, HEADERS_PER_REQUEST_MAX);
        given += headers.len();
        input = Input::Heard(liar, Headers { id: asked.id, headers }.into());
    }
    assert!(machine.ignores(liar));
    assert_ne!(easy.view.head(), easy.headers[1].hash());
}
