//! `certplan graph`: draws a plan, or a run with the state of each step.

use super::arguments::{DrawingFormat, GraphArguments};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::nearby::{self, Sought};
use super::plan_file::load_plan;
use super::state_directory::{StateDirectory, find_run};
use crate::files::{FileMode, write_replace};
use crate::plan::{Plan, Signature, find_signature};
use crate::report::Style;
use crate::report::graph::{Drawing, Edge, EdgeKind, Node, NodeState};
use crate::run::RunState;
use crate::store::{Store, StoreError};

pub(super) async fn graph(
    arguments: GraphArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let drawing = if arguments.subject.is_file() {
        let plan = load_plan(&arguments.subject, console)?.plan;
        draw(&plan, None, arguments.all_edges)?
    } else {
        let (plan, run, state) = recorded(&arguments).await?;
        let mut drawing = draw(&plan, Some(&state), arguments.all_edges)?;
        drawing.caption =
            Some(format!("{}: run {run}, {}", state.header.target, state.phase.name()));
        drawing
    };
    let style = match arguments.file {
        Some(_) => Style::new(false),
        None => console.out_style(),
    };
    let text = match arguments.format {
        DrawingFormat::Text => drawing.text(style).join("\n"),
        DrawingFormat::Mermaid => drawing.mermaid(),
        DrawingFormat::Dot => drawing.dot(),
        DrawingFormat::Svg => drawing.svg(),
    };
    let text = text.trim_end();
    match &arguments.file {
        None => console.data(text),
        Some(path) => {
            write_replace(path, format!("{text}\n").as_bytes(), FileMode::Public)
                .map_err(|error| CliError::usage(error.to_string()))?;
            console.talk(&format!("wrote {}", path.display()));
        }
    }
    Ok(ExitCode::Success)
}

/// The run that was meant, with the plan that is stored with it.
async fn recorded(arguments: &GraphArguments) -> Result<(Plan, String, RunState), CliError> {
    let subject = arguments.subject.to_string_lossy();
    let neither = |error: CliError| {
        let shown = crate::types::shorten(&crate::types::printable(&subject), 120);
        let hint = nearby::hint_at(&arguments.subject, Sought::Plan);
        // What looks like a path is one that is not there.
        if subject.contains(['/', '\\', '.']) || arguments.subject.is_dir() {
            return CliError::usage(format!("there is no plan `{shown}`")).hints(hint);
        }
        error.hints(hint)
    };
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else {
        return Err(neither(CliError::usage(format!(
            "there is neither a plan file nor a run `{subject}`"
        ))));
    };
    let run = find_run(store.as_ref(), &subject).await.map_err(neither)?.id;
    let stored = store.load_run(&run).await?;
    let corrupt = |what: &str, reason: String| StoreError::Corrupt {
        what: format!("{what} of run `{run}`"),
        reason,
    };
    let plan = serde_json::from_str(&stored.plan.compiled)
        .map_err(|error| corrupt("the plan", error.to_string()))?;
    let state = RunState::fold(&stored.events)
        .map_err(|error| corrupt("the history", error.to_string()))?;
    Ok((plan, run.to_string(), state))
}

/// The plan as nodes and edges.
fn draw(plan: &Plan, run: Option<&RunState>, all_edges: bool) -> Result<Drawing, CliError> {
    let graph = plan.graph().map_err(|error| CliError::usage(error.to_string()))?;
    let nodes = graph.order().iter().filter_map(|id| {
        let step = plan.steps.get(id)?;
        let record = run.and_then(|run| run.steps.get(id));
        Some(Node {
            id: id.clone(),
            action: step.uses.clone(),
            when: step.when.clone(),
            finally: step.finally,
            paid: costs_money(&step.uses),
            state: record.map(|record| NodeState::of(&record.state)),
        })
    });
    let all = graph.edges();
    let edges = if all_edges { all.clone() } else { graph.essential_edges() };
    let implied = all.len().saturating_sub(edges.len());
    let edges = edges.into_iter().map(|(from, to)| {
        let reads = plan.steps.get(&to).is_some_and(|step| step.references().contains(&from));
        let kind = if reads { EdgeKind::Reference } else { EdgeKind::Needs };
        Edge { from, to, kind }
    });
    Ok(Drawing {
        title: plan.name.clone(),
        caption: plan.description.clone(),
        nodes: nodes.collect(),
        edges: edges.collect(),
        implied,
    })
}

/// Whether the action buys something.
pub(super) fn costs_money(action: &str) -> bool {
    find_signature(action).is_some_and(Signature::costs_money)
}
