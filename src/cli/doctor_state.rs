//! What `certplan doctor` says of the state file and of the second note of its orders.
//!
//! A file that is damaged, gone or older than it should be is a finding with its cause and its cure.

use super::arguments::DoctorArguments;
use super::doctor::Finding;
use super::error::CliError;
use super::state_directory::StateDirectory;
use crate::run::{Intent, RunState};
use crate::store::{LostOrder, OrderNotes, SqliteStore, Store, StoreError};
use crate::types::RunId;

/// What a damaged file comes of, and what to do.
const CURE: &str = "a broken disk does this, and a copy that was put back while `state.db-wal` of the \
                    former file lay beside it. While no certplan works here, move `state.db`, \
                    `state.db-wal` and `state.db-shm` away, put a whole copy of `state.db` alone in \
                    their place, and leave `state.orders` and `keys` as they are: `certplan doctor` \
                    then names the orders that the copy has forgotten, and nobody orders for their \
                    names a second time";

/// The findings when the file cannot even be opened; the error itself when that is no damage.
pub(super) fn closed(state: &StateDirectory, error: CliError) -> Result<Vec<Finding>, CliError> {
    let is_gone = state.has_lost_its_file();
    if !is_gone && !is_damaged(state) {
        return Err(error);
    }
    let mut findings = vec![Finding::Bad(match is_gone {
        true => format!(
            "{}. Put a whole copy of it back; without one, `certplan run` makes a new one, which \
             orders nothing for the names below",
            error.message
        ),
        false => format!("{}. {CURE}", error.message),
    })];
    match SqliteStore::order_notes(&state.file()) {
        Err(error) => findings.push(Finding::Bad(error.to_string())),
        Ok(notes) => findings.extend(notes.open.into_iter().map(|order| {
            let LostOrder { run, at, names, .. } = order;
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            Finding::Odd(format!("by `state.orders` run {run} ordered for {names} on {at}"))
        })),
    }
    Ok(findings)
}

/// Whether the file cannot be opened because of damage. What is no state file at all was one when
/// orders were noted beside it.
fn is_damaged(state: &StateDirectory) -> bool {
    match SqliteStore::open(&state.file()) {
        Err(StoreError::Foreign { path }) => {
            SqliteStore::order_notes(&path).is_ok_and(|notes| !notes.noted.is_empty())
        }
        Err(error) => error.is_damage(),
        Ok(_) => false,
    }
}

/// Whether the file is whole.
pub(super) async fn state_file(store: &SqliteStore) -> Finding {
    let faults = store.integrity().await.unwrap_or_else(|error| vec![error.to_string()]);
    let Some(first) = faults.first() else {
        return Finding::Good("the state file is whole".to_owned());
    };
    let count = match faults.len() {
        1 => "a fault".to_owned(),
        many => format!("{many} faults, such as"),
    };
    Finding::Bad(format!("the state file has {count}: {first}. {CURE}"))
}

/// Who asks how things stand must hear that something is missing from the answer.
pub(super) async fn forgotten_line(store: &SqliteStore) -> Option<String> {
    // Notes that cannot be read are the doctor's business.
    let count = store.lost_orders().await.ok()?.len();
    (count > 0).then(|| {
        format!(
            "the state file is an older copy: it has forgotten {}; `certplan doctor` says which",
            orders(count)
        )
    })
}

/// The orders that an older copy of the state file has forgotten.
pub(super) async fn forgotten(store: &SqliteStore) -> Vec<Finding> {
    // Notes that cannot be read are found by `second_note`.
    let lost = store.lost_orders().await.unwrap_or_default();
    let finding = |LostOrder { run, at, names, .. }: LostOrder| {
        Finding::Bad(format!(
            "the state file is an older copy: it has forgotten that run {run} ordered for {names} \
             on {}. Nobody orders for these names before that is settled. `certplan doctor --api` \
             finds the certificate, and a plan with `regfish.reissue` takes it over by its id, free \
             within its contract. After that, or when the names may be ordered anew: \
             `certplan adopt {run} --none`",
            at.strftime("%Y-%m-%d %H:%M UTC")
        ))
    };
    lost.into_iter().map(finding).collect()
}

/// Whether every order has its second note; with `--mend` it gets one.
pub(super) async fn second_note(
    state: &StateDirectory,
    store: &SqliteStore,
    arguments: &DoctorArguments,
) -> Vec<Finding> {
    let notes = match SqliteStore::order_notes(&state.file()) {
        Ok(notes) => notes,
        Err(error) => {
            return vec![Finding::Bad(format!(
                "{error}. It notes each order a second time, and nothing is ordered until it can be \
                 read: put it right, or move it away and let `certplan doctor --mend` write it anew"
            ))];
        }
    };
    let name = notes.path.file_name().unwrap_or(notes.path.as_os_str()).to_string_lossy();
    let missing = unnoted(store, &notes).await;
    let mut findings = Vec::new();
    if notes.unreadable_lines > 0 {
        findings.push(Finding::Odd(format!(
            "`{name}` has {} damaged: if the state file is an older copy, an order that was noted \
             there is known to nobody (`certplan doctor --api` compares with the account)",
            lines(notes.unreadable_lines)
        )));
    }
    if arguments.mend && !missing.is_empty() {
        findings.push(mend(store, &missing, &name).await);
    } else if let Some(first) = missing.first() {
        let is = if notes.is_there { "lacks" } else { "is gone; it would hold" };
        findings.push(Finding::Bad(format!(
            "`{name}`, the second note of each order, {is} {} (run {first}{}). Nothing is lost while \
             the state file is whole; but an older copy of it, put back now, could not show that it \
             has forgotten them. `certplan doctor --mend` notes them again",
            orders(missing.len()),
            if missing.len() > 1 { " and others" } else { "" },
        )));
    } else if notes.is_there {
        findings.push(Finding::Good(format!("every order is noted a second time, in `{name}`")));
    }
    findings
}

async fn mend(store: &SqliteStore, missing: &[RunId], name: &str) -> Finding {
    for run in missing {
        if let Err(error) = store.note_again(run).await {
            return Finding::Bad(format!("what run {run} ordered is not noted again: {error}"));
        }
    }
    Finding::Good(format!("{} noted again in `{name}`", orders(missing.len())))
}

/// The runs that have certainly ordered, and whose orders the notes lack. An order without a
/// certificate may have been recorded and never sent: it is noted in between.
async fn unnoted(store: &SqliteStore, notes: &OrderNotes) -> Vec<RunId> {
    // Runs that cannot be read are found one by one.
    let folded = store.fold_runs().await.unwrap_or_default();
    let lacks = |run: &RunId, state: &RunState| {
        let mut sent = state.steps.values().filter_map(|record| record.history.sent.as_ref());
        state.certificate_id.is_some()
            && sent.any(|intent| {
                matches!(intent, Intent::Order(_))
                    && !notes.noted.contains(&(run.clone(), intent.names_key()))
            })
    };
    let lacking = folded.into_iter().filter_map(|(line, state)| {
        let state = state.ok()?;
        lacks(&line.id, &state).then_some(line.id)
    });
    lacking.collect()
}

fn orders(count: usize) -> String {
    if count == 1 { "1 order".to_owned() } else { format!("{count} orders") }
}

fn lines(count: usize) -> String {
    if count == 1 { "a line that is".to_owned() } else { format!("{count} lines that are") }
}
