//! What a batch is about to do, in one line.

use super::choice::Choices;
use crate::upkeep::{Decision, StartReason};

/// "1000 targets: 900 to order (12 due), 60 go on, 40 unchanged".
pub(super) fn plan_of_work(choices: &Choices) -> String {
    let count = |fits: &dyn Fn(&Decision) -> bool| {
        let ours = choices.choices.iter().filter(|choice| !choice.is_elsewhere());
        ours.filter(|choice| fits(&choice.decision)).count()
    };
    let elsewhere = choices.choices.iter().filter(|choice| choice.is_elsewhere()).count();
    let parts = [
        (
            count(
                &|decision| matches!(decision, Decision::Start { reason } if *reason == StartReason::First),
            ),
            "new",
        ),
        (
            count(&|decision| {
                matches!(decision, Decision::Start { reason: StartReason::Due { .. } })
            }),
            "due",
        ),
        (
            count(&|decision| {
                matches!(decision, Decision::Start { reason: StartReason::Drift { .. } })
            }),
            "changed",
        ),
        (
            count(&|decision| {
                matches!(decision, Decision::Start { reason: StartReason::NothingKept })
            }),
            "to run",
        ),
        (
            count(&|decision| {
                matches!(decision, Decision::Start { reason: StartReason::Again { .. } })
            }),
            "to order anew",
        ),
        (count(&|decision| matches!(decision, Decision::Resume { .. })), "to go on with"),
        (count(&|decision| matches!(decision, Decision::Keep { .. })), "still good"),
        (count(&|decision| matches!(decision, Decision::Ask { .. })), "for a person to look at"),
        (elsewhere, "worked on by another process"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let total = choices.choices.len();
    let targets = if total == 1 { "1 target".to_owned() } else { format!("{total} targets") };
    if parts.is_empty() { targets } else { format!("{targets}: {}", parts.join(", ")) }
}
