//! What the lines and marks of a picture mean; only what occurs is explained.

use super::{Drawing, EdgeKind};

impl Drawing {
    /// Whether there is an edge of this kind.
    pub(super) fn has(&self, kind: EdgeKind) -> bool {
        self.edges.iter().any(|edge| edge.kind == kind)
    }

    /// That edges are left out, in words, when some are.
    pub(super) fn left_out(&self) -> Option<String> {
        match self.implied {
            0 => None,
            1 => Some("one edge that a longer path implies is left out".to_owned()),
            many => Some(format!("{many} edges that longer paths imply are left out")),
        }
    }

    /// Whether a step has a condition.
    pub(super) fn has_condition(&self) -> bool {
        self.nodes.iter().any(|node| node.when.is_some())
    }

    /// Whether a step costs money.
    pub(super) fn costs_money(&self) -> bool {
        self.nodes.iter().any(|node| node.paid)
    }
}

/// What an edge of this kind says.
pub(super) fn edge_meaning(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Reference => "reads its output",
        EdgeKind::Needs => "only waits for it (needs)",
    }
}
