//! A process that runs only a part of the time.

use std::process::Command;

use testkit::Process;

use crate::node::Node;

/// Milliseconds of a turn, in which the process runs once and rests once.
const TURN: u32 = 500;
/// Stops the process with the number `$1`, lets it run for `$3` of each turn.
const SCRIPT: &str =
    "while kill -s STOP \"$1\"; do sleep \"$2\"; kill -s CONT \"$1\"; sleep \"$3\"; done";

/// Makes a miner weaker: of the hash power that it would have it has the part of the time in which
/// it runs.
pub struct Throttle(Process);

impl Throttle {
    /// From now on the node runs for so many hundredths of the time.
    pub fn start(node: &Node, percent: u32) -> Throttle {
        let id = node.running.id().to_string();
        let runs = TURN * percent / 100;
        let seconds = |milliseconds: u32| format!("0.{milliseconds:03}");
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh", &id, &seconds(TURN - runs), &seconds(runs)]);
        Throttle(Process::start(command).unwrap())
    }

    /// It runs all the time again.
    pub fn release(self, node: &Node) {
        drop(self.0);
        node.running.signal("CONT");
    }
}
