//! Hash power that comes and goes.

use super::throttle::Throttle;
use super::until;
use super::world::{BLOCK_TIME, World, at, head};
use crate::node::Node;

/// About what the weak miner tries within the two seconds of a block.
const DIFFICULTY: u64 = 1 << 19;
/// Seconds: the difficulty follows within some blocks.
const HALF_LIFE: u64 = 4;
/// What the weak miner runs of the time. The strong one is more than ten times as strong also where
/// the machine has more and less to do for others meanwhile.
const WEAK_PERCENT: u32 = 3;
/// The difficulty rises to so many times what it was, and falls to such a part of that.
///
/// Wide, because blocks are found by chance and how much stronger the strong miner is depends on
/// what else the machine does: a difficulty swings around what it should be by a factor of two or
/// three. Not too wide: with a difficulty so many times its own a miner only falls behind, which
/// lowers it.
const RISES: u64 = 10;
const FALLS: u64 = 5;
/// Blocks over which a difficulty is taken: one alone says little.
const BLOCKS: u64 = 4;

/// The last blocks of a node.
#[derive(Debug)]
struct Pace {
    height: u64,
    /// On average.
    difficulty: u64,
    seconds: u64,
}

impl Pace {
    async fn of(node: &Node) -> Pace {
        let newest = head(node).await;
        let before = at(node, newest.number.saturating_sub(BLOCKS)).await;
        let blocks = (newest.number - before.number).max(1);
        let (difficulty, seconds) =
            ((newest.work - before.work) / blocks, newest.time - before.time);
        Pace { height: newest.number, difficulty, seconds }
    }

    /// Whether all of them are above a height and came no faster than wanted.
    fn is_steady_above(&self, height: u64) -> bool {
        self.height > height + BLOCKS && self.seconds >= BLOCKS * BLOCK_TIME
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn difficulty_follows_a_miner_over_ten_times_as_strong_that_comes_and_disappears() {
    let mut world = World::start(DIFFICULTY, HALF_LIFE, &[0]).await;
    let weak = Throttle::start(&world.nodes[0], WEAK_PERCENT);
    let look = async || Pace::of(&world.nodes[1]).await;
    // The first took as long as the nodes took to start.
    let steady = |pace: &Pace| pace.is_steady_above(0);
    let low = until("a weak miner at its pace", look, steady).await.difficulty;

    world.again(2, true, |node| node.stop("INT"));
    let look = async || head(&world.nodes[1]).await.difficulty;
    let high = until(&format!("{RISES} times {low}"), look, |now| *now >= RISES * low).await;

    // It says good-bye to nobody.
    world.again(2, false, Node::kill);
    let left = head(&world.nodes[1]).await.number;
    let look = async || Pace::of(&world.nodes[1]).await;
    let fallen = |pace: &Pace| pace.is_steady_above(left) && pace.difficulty <= high / FALLS;
    let last = until(&format!("{high} divided by {FALLS}"), look, fallen).await;
    world.agreed(last.height + 1).await;
    weak.release(&world.nodes[0]);
    world.end(&[]);
}
