//! Tests of what a case may meet that no test file can bring about.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::*;
use crate::document::SourceFile;
use crate::sandbox::Scenario;
use crate::trial::{Folder, parse_tests};

struct Plans;

impl Folder for Plans {
    fn read(&self, path: &str) -> Result<SourceFile, String> {
        Ok(SourceFile::new(path, include_str!("../../plans/dv.yaml")))
    }
}

fn tests(cases: &str) -> Arc<TestFile> {
    let text = format!("certplan_test: 1\ncases:\n{cases}");
    let source = SourceFile::new("dv.test.yaml", &text);
    match parse_tests(&source, &Plans) {
        Ok((tests, _)) => Arc::new(tests),
        Err(wrong) => panic!("{}", wrong.render(false)),
    }
}

async fn result(tests: &Arc<TestFile>, case: Case) -> CaseResult {
    let folder = tempfile::tempdir().unwrap();
    rehearse(Arc::clone(tests), case, folder.path().into(), Arc::new(Semaphore::new(2))).await
}

#[tokio::test]
async fn a_sandbox_that_does_not_start_is_a_problem_of_its_case() {
    let tests = tests("  - name: x\n    expect: { outcome: issued }\n");
    let mut case = tests.cases[0].clone();
    let text = "certplan_scenario: 1\norders: [{ common_name: a.example, product: SecureSite, \
                organization: hdl_AAAAAAAAAAAAA, state: issued }]\n";
    case.scenario = Scenario::parse(&SourceFile::new("s.yaml", text)).unwrap();
    let result = result(&tests, case).await;
    assert!(!result.is_good());
    let problem = result.problem.map(|problem| problem.to_string()).unwrap_or_default();
    assert!(problem.starts_with("the sandbox does not start: "), "{problem}");
}

#[tokio::test]
async fn the_same_case_tells_the_same_story_every_time() {
    let tests = tests("  - name: x\n    expect: { outcome: issued }\n");
    let mut stories = Vec::new();
    for _ in 0..2 {
        let recording = result(&tests, tests.cases[0].clone()).await.recording.unwrap();
        let events: Vec<String> =
            crate::report::timeline(&recording.events, crate::report::Style::new(false));
        stories.push((events, recording.requests));
    }
    assert_eq!(stories[0], stories[1]);
}

#[tokio::test]
async fn every_moment_between_two_events_is_a_kill_but_the_last() {
    let tests = tests("  - name: x\n    kill_at: every_event\n    expect: { outcome: issued }\n");
    let result = result(&tests, tests.cases[0].clone()).await;
    assert!(result.is_good(), "{result:#?}");
    let events = result.recording.unwrap().events.len();
    let kills = result.kills.unwrap().number;
    // Two for each event, less those that are stored together with the one before.
    assert!(kills > events && kills <= 2 * (events - 1), "{kills} kills, {events} events");
}

#[tokio::test]
async fn a_world_in_which_a_crash_orders_twice_is_found_out() {
    // The API forgets the order the moment that it is placed: whoever asks after it finds nothing.
    let tests = tests(
        "  - name: x\n    kill_at: every_event\n    scenario:\n      behaviour: { }\n      faults: \
         [{ call: POST /tls/certificate, do: { hide: { lists: 50 } } }]\n    expect: { outcome: \
         issued }\n",
    );
    let result = result(&tests, tests.cases[0].clone()).await;
    let kills = result.kills.unwrap();
    assert!(!kills.failures.is_empty());
    let twice = kills.failures.iter().find(|failure| failure.what.contains("orders"));
    assert!(twice.is_some(), "{:#?}", kills.failures.iter().map(|f| &f.what).collect::<Vec<_>>());
}
