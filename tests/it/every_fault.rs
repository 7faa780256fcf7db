//! Every fault at every request of a run: it ends as the published matrix says, and orders once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use certplan::run::{PauseReason, RunPhase, RunResult, RunState};
use certplan::sandbox::{CannedAnswer, Fault, FaultAction, LoggedRequest};
use futures_util::future::join_all;

use crate::scene::{Scene, describe};

const PLAN: &str = "ov-staged.yaml";

/// Later repetitions of a request are no other case: the polls of a wait are all alike.
const MOST_OF_A_KIND: usize = 2;

/// A request that a fault is aimed at.
#[derive(Debug, Clone)]
struct Spot {
    /// Which of the run's requests it is, counted from 1.
    position: u32,
    /// What it is called in the matrix.
    name: String,
}

fn instead(code: u16, body: &str, content_type: &str) -> FaultAction {
    FaultAction::Instead(CannedAnswer::text(code, content_type, body))
}

fn only(code: u16, body: &str, content_type: &str) -> FaultAction {
    FaultAction::Answer(CannedAnswer::text(code, content_type, body))
}

const JSON: &str = "application/json";
const TRUNCATED: &str = "{\"success\":true,\"response\":{\"id\":\"7K9";
const PAGE: &str = "<html><body>Please log in</body></html>";

/// What goes wrong, as the matrix calls it.
fn faults() -> Vec<(&'static str, FaultAction)> {
    vec![
        ("429 without `Retry-After`", FaultAction::refusal(429, "too many requests")),
        ("429 with `Retry-After`", FaultAction::later(429, 120)),
        ("500", FaultAction::refusal(500, "internal server error")),
        ("503 with `Retry-After`", FaultAction::later(503, 30)),
        ("502, a page of a proxy", FaultAction::Html),
        ("408", FaultAction::refusal(408, "request timeout")),
        ("200, empty", only(200, "", JSON)),
        ("200, a page", only(200, PAGE, "text/html")),
        ("200, JSON cut off", only(200, TRUNCATED, JSON)),
        ("200, `success: false`", FaultAction::refusal(200, "not today")),
        ("401", FaultAction::refusal(401, "unauthorized")),
        ("connection lost before it arrived", FaultAction::DropBeforeCommit),
        ("done, no answer ever comes", FaultAction::Stall),
        ("done, connection lost", FaultAction::DropAfterCommit),
        ("done, answer cut half-way", FaultAction::CutAnswer),
        ("done, answered with 500", instead(500, "{}", JSON)),
        ("done, answered with an empty 200", instead(200, "", JSON)),
        ("done, answered with a page", instead(200, PAGE, "text/html")),
    ]
}

/// The requests of a run without faults; of those that are alike, the first few.
async fn spots(scene: &Scene) -> Vec<Spot> {
    let state = scene.begin().await;
    scene.expect_issued(&state);
    let id = scene.order().id;
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut spots = Vec::new();
    for (request, position) in scene.requests().iter().zip(1..) {
        let name = name(request, &id);
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            spots.push(Spot { position, name });
        }
    }
    spots
}

fn name(request: &LoggedRequest, id: &str) -> String {
    let path = request.path.replace(id, "ID");
    let path = match path.strip_prefix("/dns/") {
        Some(rest) if rest.ends_with("/rr") => "/dns/ZONE/rr".to_owned(),
        Some(rest) if rest.starts_with("rr/") => "/dns/rr/ID".to_owned(),
        _ => path,
    };
    format!("{} {path}", request.method)
}

fn word(state: &RunState) -> &'static str {
    match state.phase {
        RunPhase::Finished(RunResult::Succeeded) => "issued",
        RunPhase::Finished(RunResult::Failed) => "failed",
        RunPhase::Paused(PauseReason::Parked) => "parked",
        RunPhase::Paused(PauseReason::InDoubt) => "in doubt",
        RunPhase::Paused(PauseReason::Interrupted) | RunPhase::Running => "unfinished",
        RunPhase::Cancelled => "cancelled",
    }
}

/// How a run ends whose request at `spot` meets the fault, with one resume where it stands still.
async fn ending(whole: &Scene, number: usize, spot: &Spot, action: &FaultAction) -> String {
    let scene = whole.elsewhere(number);
    scene.sandbox().controls().add_fault(Fault::at("*", "/", spot.position, action.clone()));
    let first = scene.begin().await;
    let case = || format!("{action:?} at {spot:?}");
    assert!(scene.requests().len() >= spot.position as usize, "{}: it never came", case());
    expect_one_order(&scene, &first, &case());
    if word(&first) == "issued" {
        scene.expect_issued(&first);
        return "issued".to_owned();
    }
    let second = scene.resume().await;
    expect_one_order(&scene, &second, &case());
    if first.certificate_id.is_some() {
        assert_eq!(first.certificate_id, second.certificate_id, "{}", case());
    }
    assert_ne!(word(&second), "unfinished", "{}:\n{}", case(), describe(&second));
    format!("{}; resumed: {}", word(&first), word(&second))
}

/// However it stands: at most one order, at most one key, and an id only when it is the order's.
#[track_caller]
fn expect_one_order(scene: &Scene, state: &RunState, case: &str) {
    let orders = scene.orders();
    assert!(orders.len() <= 1, "{case}: {} orders\n{}", orders.len(), describe(state));
    assert!(scene.keys().len() <= 1, "{case}");
    if let Some(id) = &state.certificate_id {
        assert_eq!(Some(id.as_str()), orders.first().map(|order| order.id.as_str()), "{case}");
    }
}

/// How the runs end, for each spot.
async fn all_endings(whole: &Scene, spots: &[Spot], action: &FaultAction) -> Vec<String> {
    let mut endings = Vec::new();
    if *action == FaultAction::Stall {
        // The end of a time-out is waited for in real time: all of them together, each in a world
        // of its own.
        let cases = spots.iter().map(|spot| async move {
            let impatient = Scene::impatient(PLAN).await;
            ending(&impatient, 1, spot, action).await
        });
        return join_all(cases).await;
    }
    for (index, spot) in spots.iter().enumerate() {
        endings.push(ending(whole, index + 1, spot, action).await);
    }
    endings
}

/// The lines of the matrix for one fault.
async fn lines(name: &'static str, action: FaultAction) -> Vec<String> {
    let whole = Scene::of(PLAN).await;
    let spots = spots(&whole).await;
    let mut endings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (spot, ending) in spots.iter().zip(all_endings(&whole, &spots, &action).await) {
        let places = endings.entry(ending).or_default();
        if !places.contains(&spot.name) {
            places.push(spot.name.clone());
        }
    }
    let everywhere = endings.len() == 1;
    let line = |(ending, places): (String, Vec<String>)| {
        let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
        let places = if everywhere { "every request".to_owned() } else { places.join(", ") };
        format!("| {name} | {ending} | {places} |")
    };
    endings.into_iter().map(line).collect()
}

const BEGIN: &str = "<!-- made by the test: begin -->\n";
const END: &str = "<!-- made by the test: end -->";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_request_ends_as_the_matrix_says_and_never_with_two_orders() {
    let lines = join_all(faults().into_iter().map(|(name, action)| lines(name, action))).await;
    let mut table = "| Fault | How the run ends | Where |\n|---|---|---|\n".to_owned();
    for line in lines.into_iter().flatten() {
        table.push_str(&line);
        table.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failure-matrix.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (published, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert!(published == table, "the matrix is out of date:\n{published}\nfound:\n{table}");
}
