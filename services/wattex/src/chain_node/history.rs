//! How many old states a node keeps: what can be asked and proved of old blocks.

use clap::Args;
use ledger::History;

/// The fewest blocks whose states can be asked to be kept: as many as operators wait before they
/// sign a block, so that of each block that a branch may still undo in the ordinary run of things
/// the state before it can be asked for.
const BLOCKS_MIN: u64 = 12;

/// Which states are kept.
#[derive(Args, Debug, Clone)]
pub struct Kept {
    /// Keep all old states.
    #[arg(long)]
    archive: bool,
    /// Keep the states of the last K blocks below the head, at least 12; 128 when absent. Those of
    /// blocks that are not final are kept anyway, and with a smaller K later on what is too old
    /// leaves.
    #[arg(long, value_name = "K", conflicts_with = "archive", value_parser = blocks)]
    history: Option<u64>,
}

impl Kept {
    /// As the ledger takes it.
    pub fn history(&self) -> History {
        match self.history {
            _ if self.archive => History::Archive,
            Some(blocks) => History::Last(blocks),
            None => History::default(),
        }
    }
}

fn blocks(text: &str) -> Result<u64, String> {
    let blocks = text.parse().ok().filter(|blocks| *blocks >= BLOCKS_MIN);
    blocks.ok_or_else(|| {
        format!("use a whole number of blocks from {BLOCKS_MIN}: a reorganisation can be as deep")
    })
}
