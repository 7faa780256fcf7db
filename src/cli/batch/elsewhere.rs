//! What other plans and other targets have ordered for the names of a batch: left to a person, or
//! named before a person orders beside it.
//!
//! It changes decisions to begin a run, and no other ones.

use super::super::error::CliError;
use super::super::same_names::{Elsewhere, OrderedNames, wanted};
use super::choice::{Choice, Choices};
use super::history::History;
use super::order_anew::again_for;
use crate::store::Store;
use crate::types::Timestamp;
use crate::upkeep::{Decision, Remedy, StartReason};

impl Choices {
    /// Minds what another plan, or another target, has ordered already.
    pub(super) async fn mind_the_same_names(
        &mut self,
        history: &History,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), CliError> {
        let nobody_has_ordered = history.latest().is_none();
        if self.sandbox || nobody_has_ordered || !self.choices.iter().any(may_be_second) {
            return Ok(());
        }
        let wanted: Vec<_> = self
            .choices
            .iter()
            .filter(|choice| may_be_second(choice))
            .map(|choice| wanted(&choice.plan.plan, &choice.target, &choice.inputs, now))
            .collect();
        // A few targets need not wait for the runs of thousands of others.
        let all = wanted.iter().flatten().cloned().collect();
        let ordered = OrderedNames::read_for_orders(store, self.sandbox, &all).await?;
        let concerned = self.choices.iter_mut().filter(|choice| may_be_second(choice));
        for (choice, wanted) in concerned.zip(wanted) {
            let plan = &choice.plan.plan.name;
            let elsewhere = ordered.elsewhere_for(&wanted, plan, &choice.target, now);
            match &mut choice.decision {
                Decision::Start { reason } if choice.again => order_beside(reason, &elsewhere),
                decision => {
                    if let Some(ask) = leave_to_a_person(&choice.target, elsewhere) {
                        *decision = ask;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a run would begin that nobody has weighed against those of other names.
fn may_be_second(choice: &Choice) -> bool {
    match &choice.decision {
        Decision::Start { reason: StartReason::First } => true,
        Decision::Start { reason: StartReason::Again { .. } } => choice.again,
        _ => false,
    }
}

/// A person wants the order: it is the first of its target and still one more for its names, and
/// what is under way for them is named before.
fn order_beside(reason: &mut StartReason, elsewhere: &[Elsewhere]) {
    if *reason == StartReason::First
        && let Some(other) = elsewhere.iter().find(|other| other.problem.is_some())
    {
        *reason = StartReason::Again { former: other.run.clone(), open: Vec::new() };
    }
    if let StartReason::Again { open, .. } = reason {
        for other in elsewhere.iter().filter(|other| other.is_open) {
            if !open.contains(&other.run) {
                open.push(other.run.clone());
            }
        }
    }
}

fn leave_to_a_person(target: &str, elsewhere: Vec<Elsewhere>) -> Option<Decision> {
    let find = |other: Elsewhere| Some((other.run, other.problem?, other.is_given_up));
    let (run, problem, is_given_up) = elsewhere.into_iter().find_map(find)?;
    let problem = format!(
        "{problem}; a plan or target that was renamed counts as another one; `{}` orders for it all \
         the same",
        again_for(target)
    );
    let remedy = if is_given_up { Remedy::NewOrder } else { Remedy::Person };
    Some(Decision::Ask { run, problem, remedy })
}
