//! `certplan graph`: draws a plan, or a run with the state of each step.

use serde::Serialize;

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
use crate::types::{StepId, machine_word};

pub(super) async fn graph(
    arguments: GraphArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let mut of_run = None;
    let drawing = if arguments.subject.is_file() {
        let plan = load_plan(&arguments.subject, console)?.plan;
        draw(&plan, None, arguments.all_edges)?
    } else {
        let (plan, run, state) = recorded(&arguments).await?;
        let mut drawing = draw(&plan, Some(&state), arguments.all_edges)?;
        drawing.caption =
            Some(format!("{}: run {run}, {}", state.header.target, state.phase.name()));
        of_run = Some((run, state));
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
        DrawingFormat::Json => {
            let of_run = of_run.as_ref().map(|(run, state)| (run.as_str(), state));
            let view = View::of(&drawing, of_run);
            serde_json::to_string_pretty(&view)
                .map_err(|error| CliError::failure(format!("the result is no JSON: {error}")))?
        }
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

/// A plan or a run, as `--format json` writes it.
#[derive(Serialize)]
struct View<'a> {
    plan: &'a str,
    run: Option<&'a str>,
    target: Option<&'a str>,
    phase: Option<String>,
    /// In an order in which each comes after what it needs.
    steps: Vec<StepView<'a>>,
    edges: Vec<EdgeView<'a>>,
    /// How many edges are left out because longer paths imply them.
    implied_edges: usize,
}

#[derive(Serialize)]
struct StepView<'a> {
    id: &'a StepId,
    uses: &'a str,
    when: Option<&'a str>,
    finally: bool,
    /// Whether it costs money.
    paid: bool,
    /// Where it stands, in a run: the same words as in `certplan show --output json`.
    state: Option<String>,
}

#[derive(Serialize)]
struct EdgeView<'a> {
    from: &'a StepId,
    to: &'a StepId,
    /// `reference`: an output is read; `needs`: it is only waited for.
    kind: &'static str,
}

impl<'a> View<'a> {
    fn of(drawing: &'a Drawing, of_run: Option<(&'a str, &'a RunState)>) -> Self {
        let state = |id: &StepId| {
            let (_, run) = of_run?;
            Some(machine_word(run.steps.get(id)?.state.name()))
        };
        let step = |node: &'a Node| StepView {
            id: &node.id,
            uses: &node.action,
            when: node.when.as_deref(),
            finally: node.finally,
            paid: node.paid,
            state: state(&node.id),
        };
        let edge = |edge: &'a Edge| EdgeView {
            from: &edge.from,
            to: &edge.to,
            kind: match edge.kind {
                EdgeKind::Reference => "reference",
                EdgeKind::Needs => "needs",
            },
        };
        Self {
            plan: &drawing.title,
            run: of_run.map(|(run, _)| run),
            target: of_run.map(|(_, state)| state.header.target.as_str()),
            phase: of_run.map(|(_, state)| machine_word(state.phase.name())),
            steps: drawing.nodes.iter().map(step).collect(),
            edges: drawing.edges.iter().map(edge).collect(),
            implied_edges: drawing.implied,
        }
    }
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
