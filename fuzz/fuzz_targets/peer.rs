//! What peers send, in this order: messages have one spelling, whatever they say is answered within
//! the limits, an honest peer is still followed, and nothing of who said it is held for ever.
//! [`fuzz::peer::play`] tells how an input is read.
#![no_main]

use fuzz::peer::{Listener, Stage, play, talk};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

fuzz_target!(|data: &[u8]| {
    let mut node = play(&STAGE, data);
    let _heard = talk(&mut node, &mut Listener::honest(&STAGE), 250);
    node.forgets();
});
