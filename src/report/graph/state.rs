//! `NodeState`: where a step stands, as a picture shows it: a word, a mark and colours.

use crate::run::StepState;

/// What a picture tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeState {
    /// Done.
    Succeeded,
    /// Under way.
    Active,
    /// Looks again by itself.
    Waiting,
    /// Stands still until somebody acts.
    Parked,
    /// Sent, and nobody knows what became of it.
    InDoubt,
    /// Did not work.
    Failed,
    /// Cannot run, because what it needs did not work.
    Blocked,
    /// Its condition is false.
    Skipped,
    /// Its turn has not come.
    Pending,
}

/// The colours of a node, as `#rrggbb`.
pub(super) struct Palette {
    pub(super) fill: &'static str,
    pub(super) line: &'static str,
    pub(super) text: &'static str,
}

/// A node of a plan that is not a run's.
pub(super) const PLAIN: Palette = palette("#ffffff", "#64748b", "#0f172a");

const fn palette(fill: &'static str, line: &'static str, text: &'static str) -> Palette {
    Palette { fill, line, text }
}

impl NodeState {
    /// The state as pictures tell it.
    pub fn of(state: &StepState) -> Self {
        match state {
            StepState::Pending => Self::Pending,
            StepState::Started(_) | StepState::Sent { .. } => Self::Active,
            StepState::Waiting { .. } | StepState::Retrying { .. } => Self::Waiting,
            StepState::Parked { .. } => Self::Parked,
            StepState::Unknown { .. } | StepState::InDoubt { .. } => Self::InDoubt,
            StepState::Succeeded { .. } => Self::Succeeded,
            StepState::Failed { .. } => Self::Failed,
            StepState::Skipped => Self::Skipped,
            StepState::Blocked { .. } => Self::Blocked,
        }
    }

    /// The state in a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Active => "under way",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::InDoubt => "in doubt",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
        }
    }

    /// The state in one character, the same as while a run goes on.
    pub(super) fn mark(self) -> char {
        match self {
            Self::Succeeded => '✓',
            Self::Active => '▸',
            Self::Waiting => '…',
            Self::Parked => '‖',
            Self::InDoubt => '?',
            Self::Failed => '✗',
            Self::Blocked => '!',
            Self::Skipped => '-',
            Self::Pending => '·',
        }
    }

    /// The colour on a terminal, one of the sixteen that its owner chose.
    pub(super) fn terminal_colour(self) -> u8 {
        match self {
            Self::Succeeded => 2,
            Self::Active => 6,
            Self::Waiting | Self::Parked => 3,
            Self::InDoubt | Self::Failed | Self::Blocked => 1,
            Self::Skipped | Self::Pending => 8,
        }
    }

    /// The colours on paper; each text has a contrast of at least 7 to its fill.
    pub(super) fn palette(self) -> Palette {
        match self {
            Self::Succeeded => palette("#dcfce7", "#16a34a", "#14532d"),
            Self::Active => palette("#dbeafe", "#2563eb", "#1e3a8a"),
            Self::Waiting => palette("#fef9c3", "#ca8a04", "#713f12"),
            Self::Parked => palette("#ffedd5", "#ea580c", "#7c2d12"),
            Self::InDoubt => palette("#fae8ff", "#c026d3", "#701a75"),
            Self::Failed => palette("#fee2e2", "#dc2626", "#7f1d1d"),
            Self::Blocked => palette("#f5f5f4", "#9f1239", "#881337"),
            Self::Skipped => palette("#f1f5f9", "#94a3b8", "#475569"),
            Self::Pending => palette("#ffffff", "#94a3b8", "#334155"),
        }
    }
}
