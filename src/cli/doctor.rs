//! `certplan doctor`: whether what is kept is whole: state file, runs, keys, certificates.
//!
//! It looks and changes nothing, unless `--mend` tells it to. With `--api` it also compares the runs with the certificates that
//! the account has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{DoctorArguments, OutputFormat};
use super::batch::outlook;
use super::budget::shared_usage;
use super::connections::Settings;
use super::console::Console;
use super::doctor_account;
use super::doctor_state::{closed, forgotten, second_note, state_file};
use super::error::CliError;
use super::exit::ExitCode;
use super::pause::pause_line;
use super::resume::load;
use super::state_directory::{StateDirectory, nothing_here};
use crate::api::budget::{Standing, Usage};
use crate::pki::PrivateKey;
use crate::run::{RunState, StepState};
use crate::store::{RunSummary, SqliteStore, Store};
use crate::types::{RunId, Timestamp};
use crate::upkeep::DuePolicy;

/// What a look at one thing brought.
pub(super) enum Finding {
    Good(String),
    /// Nothing is broken, and somebody should know.
    Odd(String),
    Bad(String),
}

pub(super) async fn doctor(
    arguments: DoctorArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let settings = Settings::parse(&arguments.settings.set)?;
    if !arguments.api && !arguments.settings.set.is_empty() {
        return Err(CliError::usage("`--set` has no effect without `--api`"));
    }
    let state = StateDirectory::find(&arguments.state)?;
    let format = arguments.output.output;
    let store = match state.open_for_looking() {
        Ok(Some(store)) => store,
        Ok(None) => return Err(nothing_here(&state)),
        Err(error) => return tell(closed(&state, error)?, format, console),
    };
    let mut findings = vec![state_file(&store).await];
    // What is damaged is a finding, not the end of the search.
    let runs = match store.list_runs().await {
        Ok(runs) => runs,
        Err(error) => {
            findings.push(Finding::Bad(format!("the runs cannot be listed: {error}")));
            Vec::new()
        }
    };
    let mut lying = lying_lines(&store).await;
    let mut whole = 0_usize;
    for run in &runs {
        let mut faults = run_faults(&store, run).await;
        faults.extend(lying.remove(&run.id));
        if faults.is_empty() {
            whole += 1;
        }
        findings.extend(faults.into_iter().map(Finding::Bad));
    }
    findings.push(Finding::Good(format!("{whole} of {} runs are whole", runs.len())));
    findings.extend(put_back(&store).await);
    findings.extend(forgotten(&store).await);
    findings.extend(second_note(&state, &store, &arguments).await);
    findings.push(secrecy(&state));
    findings.extend(pause_line(&state).map(Finding::Odd));
    findings.extend(requests(&state)?);
    if arguments.api {
        let compared = doctor_account::compare(&state, &store, &settings, console).await;
        findings.extend(compared.unwrap_or_else(|error| {
            vec![Finding::Bad(format!("the account is not compared: {}", error.message))]
        }));
    }
    tell(findings, format, console)
}

/// What was found, as `--output json` writes it.
#[derive(Serialize)]
struct View {
    /// Whether nothing is broken.
    healthy: bool,
    findings: Vec<FindingView>,
}

#[derive(Serialize)]
struct FindingView {
    /// `good`, `odd` (nothing is broken, and somebody should know) or `bad`.
    verdict: &'static str,
    text: String,
}

fn tell(
    findings: Vec<Finding>,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let style = console.out_style();
    let sick = findings.iter().any(|finding| matches!(finding, Finding::Bad(_)));
    let code = if sick { ExitCode::Failed } else { ExitCode::Success };
    if format == OutputFormat::Json {
        let view = |finding| match finding {
            Finding::Good(text) => FindingView { verdict: "good", text },
            Finding::Odd(text) => FindingView { verdict: "odd", text },
            Finding::Bad(text) => FindingView { verdict: "bad", text },
        };
        let findings = findings.into_iter().map(view).collect();
        console.json(&View { healthy: !sick, findings })?;
        return Ok(code);
    }
    for finding in findings {
        match finding {
            Finding::Good(text) => console.data(&format!("{} {text}", style.good("ok  "))),
            Finding::Odd(text) => console.data(&format!("{} {text}", style.waiting("note"))),
            Finding::Bad(text) => console.data(&format!("{} {text}", style.bad("BAD "))),
        }
    }
    Ok(code)
}

/// The runs whose line in the listing says something else than their events do. Whoever lists runs
/// trusts the line.
async fn lying_lines(store: &SqliteStore) -> BTreeMap<RunId, String> {
    // Runs that cannot be read are found one by one.
    let folded = store.fold_runs().await.unwrap_or_default();
    let owners = store.certificate_owners().await.unwrap_or_default();
    let lying = folded.into_iter().filter_map(|(line, state)| {
        let state = state.ok()?;
        // What was reissued belongs to the run that had it issued anew, and to no other.
        let own = state
            .certificate_id
            .as_ref()
            .filter(|id| owners.get(*id).is_none_or(|owner| *owner == line.id));
        let said = (line.phase.as_str(), line.certificate_id.as_ref(), line.updated_at);
        let is = (state.phase.name(), own, state.updated_at);
        (said != is).then(|| {
            let (said, is) = (&line.phase, state.phase.name());
            let fault = format!(
                "run {}: its line in the listing ({said}) is not what its events say ({is})",
                line.id
            );
            (line.id.clone(), fault)
        })
    });
    lying.collect()
}

/// The targets that have an older certificate in place than the newest that they got. What cannot be
/// read is found elsewhere.
async fn put_back(store: &SqliteStore) -> Vec<Finding> {
    let (policy, now) = (DuePolicy::default(), Timestamp::now());
    let mut findings = Vec::new();
    for sandbox in [false, true] {
        let lines = outlook(store, sandbox, &policy, now).await.unwrap_or_default();
        for line in lines {
            let Some(in_place) = &line.in_place else { continue };
            let until = in_place.valid_until.strftime("%Y-%m-%d");
            let text = format!("{}: valid until {until}; {in_place}", line.target);
            let due = line.due_at.is_some_and(|due| due <= now);
            findings.push(if due { Finding::Bad(text) } else { Finding::Odd(text) });
        }
    }
    findings
}

/// What is wrong with a run and with what it left on disk.
async fn run_faults(store: &SqliteStore, run: &RunSummary) -> Vec<String> {
    let engine = match load(store, &run.id).await {
        Ok(engine) => engine,
        Err(error) => return vec![format!("run {} cannot be read: {}", run.id, error.message)],
    };
    let state = engine.state();
    let mut faults = Vec::new();
    for (path, fingerprint) in keys(state) {
        // A key that ordered nothing is no loss.
        if state.may_have_ordered()
            && let Some(fault) = key_fault(&path, &fingerprint)
        {
            faults.push(format!("run {}: the key `{}` {fault}", run.id, path.display()));
        }
    }
    for path in files(state).into_iter().filter(|path| !path.exists()) {
        faults.push(format!("run {}: `{}` is gone", run.id, path.display()));
    }
    faults
}

fn outputs(state: &RunState) -> impl Iterator<Item = &serde_json::Map<String, serde_json::Value>> {
    state.steps.values().filter_map(|record| match &record.state {
        StepState::Succeeded { output } => Some(output.as_ref()),
        _ => None,
    })
}

fn keys(state: &RunState) -> Vec<(PathBuf, String)> {
    let key = |output: &serde_json::Map<String, serde_json::Value>| {
        let fingerprint = output.get("public_key_sha256")?.as_str()?.to_owned();
        Some((PathBuf::from(output.get("key_file")?.as_str()?), fingerprint))
    };
    outputs(state).filter_map(key).collect()
}

fn files(state: &RunState) -> Vec<PathBuf> {
    let named = ["certificate_file", "chain_file", "fullchain_file"];
    let paths = outputs(state).flat_map(|output| {
        named.iter().filter_map(|name| output.get(*name)?.as_str().map(PathBuf::from))
    });
    paths.collect()
}

fn key_fault(path: &Path, fingerprint: &str) -> Option<String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    match PrivateKey::from_pem(&text) {
        Err(error) => Some(format!("is damaged: {error}")),
        Ok(key) if key.public_key_sha256().to_string() != fingerprint => {
            Some("is not the one that the order was made with".to_owned())
        }
        Ok(_) => None,
    }
}

/// How much of each request budget is used, and whether its service is there.
fn requests(state: &StateDirectory) -> Result<Vec<Finding>, CliError> {
    let budgets = shared_usage(state, &Settings::default())?;
    let finding = |(place, usage): (String, Usage)| {
        let text = format!("requests to {place}: {usage}; {}", usage.standing);
        match usage.standing {
            Standing::Flowing => Finding::Good(text),
            _ => Finding::Odd(text),
        }
    };
    Ok(budgets.into_iter().map(finding).collect())
}

/// Keys and runs are nobody else's business.
fn secrecy(state: &StateDirectory) -> Finding {
    use std::os::unix::fs::MetadataExt;
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0);
    match [state.keys(), state.path().to_owned()].iter().find(|path| open(path)) {
        None => Finding::Good("nobody else can read the state folder".to_owned()),
        Some(path) => Finding::Bad(format!("others can look into `{}`", path.display())),
    }
}
