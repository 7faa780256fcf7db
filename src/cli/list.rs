//! `certplan list`: the certificates of a state folder, when each ends, and what comes next.

use serde::Serialize;

use super::arguments::OutputFormat;
use super::batch::{due_note, outlook};
use super::batch_arguments::ListArguments;
use super::console::Console;
use super::doctor_state::forgotten_line;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::StateDirectory;
use super::status::{ParkedView, stopped};
use crate::report::{CertificateLine, certificate_table};
use crate::store::TargetKey;
use crate::types::{CertificateId, RunId, Timestamp, serialize_machine_word};
use crate::upkeep::{DuePolicy, InPlace};

/// A certificate, as `--output json` writes it.
#[derive(Serialize)]
struct View {
    target: String,
    plan: String,
    run: RunId,
    #[serde(serialize_with = "serialize_machine_word")]
    state: &'static str,
    /// What its newest run is parked for.
    #[serde(flatten)]
    parked: Option<ParkedView>,
    certificate_id: Option<CertificateId>,
    names: Vec<String>,
    valid_until: Option<Timestamp>,
    due_at: Option<Timestamp>,
    directory: Option<String>,
    /// The older certificate that is in place; the id is that of the newer one beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_place: Option<InPlace>,
    next: String,
}

pub(super) async fn list(
    arguments: ListArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let policy = match &arguments.due {
        Some(text) => {
            DuePolicy::parse(text).map_err(|error| CliError::usage(format!("`--due`: {error}")))?
        }
        None => DuePolicy::default(),
    };
    if let Some(text) = &arguments.due {
        console.talk(&due_note(text, &policy));
    }
    let state = StateDirectory::find(&arguments.state)?;
    let now = Timestamp::now();
    let lines = match state.open_for_looking()? {
        Some(store) => {
            if let Some(line) = forgotten_line(&store).await {
                console.talk(&console.talk_style().bad(&line));
            }
            outlook(store.as_ref(), arguments.sandbox, &policy, now).await?
        }
        None => Vec::new(),
    };
    let key = |plan: &str, target: &str| TargetKey {
        plan: plan.to_owned(),
        target: target.to_owned(),
        sandbox: arguments.sandbox,
    };
    let known = lines.len();
    let views: Vec<View> = lines
        .into_iter()
        .filter(|line| !arguments.due_only || line.due_at.is_some_and(|due| due <= now))
        .map(|line| View {
            state: stopped(line.state, &key(&line.plan, &line.target), &state)
                .unwrap_or(line.state),
            certificate_id: line.issued.as_ref().and_then(|issued| issued.certificate_id.clone()),
            valid_until: line.valid_until,
            in_place: line.in_place,
            directory: line.issued.as_ref().and_then(|issued| issued.directory.clone()),
            names: line.issued.map(|issued| issued.names).unwrap_or_default(),
            due_at: line.due_at,
            parked: line.parked,
            target: line.target,
            plan: line.plan,
            run: line.run,
            next: line.next,
        })
        .collect();
    match arguments.output.output {
        OutputFormat::Json => console.json(&views)?,
        OutputFormat::Text if views.is_empty() && known > 0 => {
            let word = if known == 1 { "certificate" } else { "certificates" };
            console.talk(&format!("no certificate is due now, of {known} {word}"));
        }
        OutputFormat::Text if views.is_empty() => {
            console.talk(&format!("no certificates in `{}`", state.path().display()));
        }
        OutputFormat::Text => {
            let lines: Vec<CertificateLine<'_>> = views.iter().map(line).collect();
            for line in certificate_table(&lines, now, console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}

fn line(view: &View) -> CertificateLine<'_> {
    CertificateLine {
        target: &view.target,
        plan: &view.plan,
        state: view.state,
        valid_until: view.valid_until,
        next: &view.next,
    }
}
