//! Blocks as a peer sends them: whatever the bytes are, they are refused or they are a block that
//! can be stored, and there is one spelling of it.
#![no_main]

use chain::Block;
use fuzz::{NOW, World};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|data: &[u8]| {
    let Ok(block) = Block::decode_exact(data) else { return };
    assert_eq!(block.encode(), data, "a block has one spelling");
    import(block.clone());
    // With everything right that follows from the parent, the body is looked at.
    let mut own = WORLD.next(Vec::new());
    own.header.transactions_root =
        alloy_consensus::proofs::calculate_transaction_root(&block.transactions);
    own.transactions = block.transactions;
    import(own);
});

fn import(block: Block) {
    if let Ok(imported) = WORLD.rules.import(&WORLD.view, block.clone(), NOW) {
        assert_eq!((imported.hash, imported.block), (block.hash(), block));
    }
}
