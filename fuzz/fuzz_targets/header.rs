//! Headers: one spelling, and what follows from a parent never fails.
#![no_main]

use chain::Header;
use fuzz::World;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|data: &[u8]| {
    let Ok(header) = alloy_rlp::decode_exact::<Header>(data) else { return };
    assert_eq!(alloy_rlp::encode(&header), data, "a header has one spelling");
    let known = alloy_primitives::keccak256(data);
    assert_eq!(header.hash(), known);
    assert_eq!(alloy_rlp::encode(alloy_consensus::Header::from(&header)), data);
    let target = chain::header::target(header.difficulty);
    let work = alloy_primitives::U256::from_be_bytes(header.pow_hash().0);
    assert_eq!(header.is_sealed(), work <= target);
    let mut rules = WORLD.rules.clone();
    rules.fixed_difficulty = false;
    assert!(!rules.next_difficulty(&header).is_zero());
    // Of a parent that was taken in, the limit is that of the chain and held.
    let gas_used = header.gas_used % (rules.gas_limit + 1);
    let parent = Header { gas_limit: rules.gas_limit, gas_used, ..header };
    assert!(rules.next_base_fee(&parent) >= chain::rules::BASE_FEE_MIN);
});
