//! Which secrets the runs of a batch will miss, before any of them begins.

use super::super::error::CliError;
use super::super::foresight::foresee;
use super::super::needed_secrets::{
    Imitated, MissingSecrets, NeededSecret, SecretSearch, of_new_run, of_recorded_run,
};
use super::super::resume::load;
use super::choice::{Choice, Choices};
use crate::plan::may_name_secrets;
use crate::store::SqliteStore;
use crate::upkeep::Decision;

impl Choices {
    /// What is lacking for the targets whose turn it is: one answer for all, since they have their
    /// secrets from one place.
    ///
    /// Fails when a run that is to go on cannot be read.
    pub(super) async fn missing_secrets(
        &self,
        store: Option<&SqliteStore>,
        imitated: Imitated,
        with_commands: bool,
    ) -> Result<MissingSecrets, CliError> {
        let search = SecretSearch::default();
        let mut missing = MissingSecrets::default();
        for choice in
            self.choices.iter().filter(|choice| choice.is_work() && !choice.is_elsewhere())
        {
            let needed = match (&choice.decision, store) {
                (Decision::Start { .. }, _) => of_new(choice, imitated),
                // What is paid for goes on as far as it goes.
                (Decision::Resume { run, has_ordered: false, .. }, Some(store)) => {
                    let engine = load(store, run).await?;
                    of_recorded_run(&engine, engine.plan(), imitated)
                }
                _ => continue,
            };
            missing.add(search.look(&needed, with_commands).await);
        }
        Ok(missing)
    }
}

fn of_new(choice: &Choice, imitated: Imitated) -> Vec<NeededSecret> {
    let plan = &choice.plan.plan;
    // Most plans name no secrets, and there may be very many targets.
    if imitated == Imitated::Everything || !may_name_secrets(plan) {
        return Vec::new();
    }
    of_new_run(plan, &foresee(plan, &choice.inputs, &choice.target), imitated)
}
