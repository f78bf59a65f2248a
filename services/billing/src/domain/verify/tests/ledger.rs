//! A chain in memory with the real contracts, and an operator who holds every role.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use calendar::Timestamp;
use chain::block::Recovered;
use chain::light::{prove_account, prove_ancestor};
use chain::{ChainView, GenesisSpec, Header, MemoryChain, Rules};
use contracts::{Call, Deployment, Roles};

use super::super::*;
use super::agreed::{community, key};

pub(super) const CHAIN_ID: u64 = 4242;

/// The chain and its operator, who holds every role.
pub(super) struct Chain {
    pub(super) view: MemoryChain,
    rules: Rules,
    pub(super) operator: Address,
    nonce: u64,
    pub(super) at: Deployment,
    genesis: B256,
}

impl Chain {
    pub(super) fn new(at: Timestamp) -> Chain {
        let operator = key(9).address();
        let roles = Roles {
            admin: operator,
            clearer: operator,
            reconciler: operator,
            policy: operator,
            minter: operator,
            reading_anchor: operator,
            record_anchor: operator,
            installers: vec![key(8).address()],
            enroller: operator,
            pauser: operator,
            certifier: operator,
        };
        let contracts = contracts::Genesis::new(key(7).address(), &roles, &testkit::settings(600));
        let mut spec = GenesisSpec::new(CHAIN_ID, at.unsigned());
        spec.difficulty = U256::ONE;
        spec.fixed_difficulty = true;
        let wealth = chain::genesis::Allocation { balance: U256::MAX >> 8, ..Default::default() };
        spec.alloc.insert(operator, wealth);
        spec.deploy = contracts
            .deploys
            .into_iter()
            .map(|deploy| chain::genesis::Deploy {
                from: deploy.from,
                init_code: deploy.init_code,
                value: U256::ZERO,
            })
            .collect();
        // The admin's grants in the genesis used its first nonces.
        let nonce = u64::try_from(contracts.calls.len()).unwrap();
        spec.calls = contracts
            .calls
            .into_iter()
            .map(|call| chain::genesis::GenesisCall {
                from: call.from,
                to: call.to,
                data: call.data,
            })
            .collect();
        let genesis = spec.build().unwrap();
        let mut view = MemoryChain::default();
        let hash = genesis.imported.hash;
        view.store(genesis.imported);
        Chain {
            view,
            rules: genesis.rules,
            operator,
            nonce,
            at: contracts.deployment,
            genesis: hash,
        }
    }

    /// A block at `at` with these calls of the operator; all of them succeed.
    pub(super) fn mine(&mut self, at: Timestamp, calls: impl IntoIterator<Item = Call>) {
        let mut sent = Vec::new();
        for call in calls {
            let transaction = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce: self.nonce,
                gas_limit: 8_000_000,
                max_fee_per_gas: 1_000_000_000,
                to: TxKind::Call(call.to),
                input: call.data,
                ..TxEip1559::default()
            };
            self.nonce += 1;
            let signed = TxEnvelope::from(transaction.into_signed(Signature::test_signature()));
            sent.push(Recovered::new_unchecked(signed, self.operator));
        }
        let count = sent.len();
        let head = self.view.head();
        let candidate = self.rules.propose(&self.view, head, sent, self.operator, at.unsigned());
        let candidate = candidate.unwrap();
        assert!(candidate.skipped.is_empty(), "{:?}", candidate.skipped);
        let nonce = candidate.seal(0, 1000).unwrap();
        let imported = self.rules.adopt(&self.view, candidate, nonce).unwrap();
        assert_eq!(imported.receipts.len(), count);
        assert!(imported.receipts.iter().all(|receipt| receipt.status()), "a call failed");
        self.view.store(imported);
    }

    pub(super) fn header(&self) -> Header {
        self.view.header(self.view.head()).unwrap()
    }

    pub(super) fn reference(&self) -> ChainRef {
        ChainRef { chain_id: CHAIN_ID, genesis: self.genesis, contracts: self.at }
    }

    pub(super) fn trust(&self) -> Trust {
        let header = self.header();
        let block = TrustedBlock { number: header.number, hash: header.hash() };
        let tariff = TariffRef {
            community: community(),
            id: "standard".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
        };
        Trust { chain: self.reference(), tariff: Some(tariff), block }
    }

    /// The bill with headers and proofs against the newest block.
    pub(super) fn prove(&self, mut bill: BillFile) -> BillFile {
        self.place(&mut bill.evidence);
        let nodes = self.nodes(needs(&bill));
        bill.with_nodes(nodes)
    }

    /// As [`Chain::prove`], the file of a correction.
    pub(super) fn prove_correction(&self, mut file: CorrectionFile) -> CorrectionFile {
        self.place(&mut file.evidence);
        let nodes = self.nodes(file.needs());
        file.with_nodes(nodes)
    }

    /// Batches of a journal with headers and proofs against the newest block.
    pub(super) fn prove_anchors(&self, currency: &str, batches: Vec<JournalBatch>) -> AnchorsFile {
        let header = self.header();
        let mut file = AnchorsFile {
            format: ANCHORS_FORMAT.to_owned(),
            chain: self.reference(),
            header: alloy_rlp::encode(&header).into(),
            genesis: prove_ancestor(&self.view, &header, 0).unwrap().siblings,
            currency: currency.to_owned(),
            batches,
            nodes: Vec::new(),
        };
        let mut seen = std::collections::HashSet::new();
        let nodes = self.nodes(file.needs()).into_iter();
        file.nodes = nodes.filter(|node| seen.insert(alloy_primitives::keccak256(node))).collect();
        file
    }

    fn place(&self, evidence: &mut Evidence) {
        let header = self.header();
        evidence.header = alloy_rlp::encode(&header).into();
        evidence.genesis = prove_ancestor(&self.view, &header, 0).unwrap().siblings;
    }

    fn nodes(&self, needs: Vec<Need>) -> Vec<Bytes> {
        let header = self.header();
        let mut nodes = Vec::new();
        for need in needs {
            let positions: Vec<U256> = need.positions.iter().map(|p| (*p).into()).collect();
            let proof =
                prove_account(&self.view, header.state_root, need.contract, &positions).unwrap();
            nodes.extend(proof.nodes);
            nodes.extend(proof.storage.into_iter().flat_map(|slot| slot.nodes));
        }
        nodes
    }
}
