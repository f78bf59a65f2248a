//! The frames of one transaction, for those who want neither geth's nor Parity's shape.

use super::watch::{Budget, Kept, TRACE_TIME_DEFAULT, Watch};
use super::{Scene, refused};
use alloy_primitives::Address;
use client::RpcError;
use revm_inspectors::tracing::types::CallTraceNode;
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};

/// The frames of one transaction, each after the one that called it.
pub(in crate::rpc) struct Frames {
    pub(in crate::rpc) nodes: Vec<CallTraceNode>,
}

/// Executes a transaction of a block to see its frames.
pub(in crate::rpc) fn frames(scene: &Scene<'_>, index: usize) -> Result<Frames, RpcError> {
    let mut budget = Budget::new(TRACE_TIME_DEFAULT);
    scene.one(index, |stage, turn| {
        let tracer = TracingInspector::new(TracingInspectorConfig::default_parity());
        let mut watch = Watch::new(tracer, Kept::default(), &mut budget);
        let done = stage.watch(turn.env(), &mut watch).map_err(refused)?;
        Ok((Frames { nodes: watch.finish()?.into_traces().into_nodes() }, done))
    })
}

impl Frames {
    /// Whether neither the frame nor one above it was undone.
    pub(in crate::rpc) fn lasted(&self, node: &CallTraceNode) -> bool {
        let mut at = Some(node);
        while let Some(node) = at {
            if !node.trace.success {
                return false;
            }
            at = node.parent.and_then(|parent| self.nodes.get(parent));
        }
        true
    }

    /// Who created a contract in this transaction.
    pub(in crate::rpc) fn creator(&self, contract: Address) -> Option<Address> {
        let creations = self.nodes.iter().filter(|node| node.trace.kind.is_any_create());
        creations
            .filter(|node| node.trace.address == contract && self.lasted(node))
            .map(|node| node.trace.caller)
            .next_back()
    }
}
