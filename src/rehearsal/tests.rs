//! Tests of what a case may meet that no test file can bring about.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::*;
use crate::document::SourceFile;
use crate::sandbox::Scenario;
use crate::trial::{Folder, parse_tests};

/// A plan that reads what programs and servers answer.
const OUTSIDE: &str = r#"
certplan: 1
name: outside
steps:
  - id: ask
    uses: http.request
    with:
      url: https://status.example.com/ready
      secret_headers: { authorization: { env: CERTPLAN_TEST_NOBODY_SETS_THIS } }
      until: json.ready
      captures:
        number: json.number
        kind: headers['x-kind']
  - id: run
    uses: command.run
    with:
      argv: [/nonexistent/program, "number {{ steps.ask.captures.number }}"]
      secret_environment: { TOKEN: { command: [/nonexistent/secrets] } }
      expect_exit: [3, 4]
      repeat: safe
"#;

struct Plans;

impl Folder for Plans {
    fn read(&self, path: &str) -> Result<SourceFile, String> {
        let text = match path {
            "outside.yaml" => OUTSIDE,
            _ => include_str!("../../plans/dv.yaml"),
        };
        Ok(SourceFile::new(path, text))
    }
}

fn tests(cases: &str) -> Arc<TestFile> {
    tests_of("dv.yaml", cases)
}

fn tests_of(plan: &str, cases: &str) -> Arc<TestFile> {
    let text = format!("certplan_test: 1\nplan: {plan}\ncases:\n{cases}");
    let source = SourceFile::new("x.test.yaml", &text);
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
    // So many orders are not all looked at before.
    let mut text = "certplan_scenario: 1\norders:\n".to_owned();
    text += &"  - { common_name: a.example, state: cancelled }\n".repeat(500);
    text += "  - { common_name: \"*.a.example\", product: RapidSSL }\n";
    case.scenario = Scenario::parse(&SourceFile::new("s.yaml", &text)).unwrap();
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

#[tokio::test]
async fn what_programs_and_servers_answer_is_judged_as_if_it_were_real() {
    let tests = tests_of(
        "outside.yaml",
        "  - name: x\n    kill_at: every_event\n    imitate:\n      run: { stdout: done }\n      \
         ask: [{ status: 503 }, { error: no route to host }, { text: soon }, { status: 202, headers: \
         { X-Kind: b }, json: { ready: true, number: 7 } }]\n    expect: { outcome: succeeded, \
         outputs: { ask.captures: { number: 7, kind: b }, run.stdout: done, run.exit_code: 3 } }\n",
    );
    let result = result(&tests, tests.cases[0].clone()).await;
    assert!(result.is_good(), "{result:#?}");
    let events = result.recording.unwrap().events;
    let story = crate::report::timeline(&events, crate::report::Style::new(false)).join("\n");
    assert!(
        story.contains("imitated: `/nonexistent/program` ended with exit status: 3"),
        "{story}"
    );
    assert!(story.contains("imitated: `https://status.example.com` cannot be reached"), "{story}");
}

#[tokio::test]
async fn a_case_that_is_silent_about_a_program_fails_even_if_it_expects_a_failure() {
    let tests = tests_of(
        "outside.yaml",
        "  - name: x\n    imitate: { ask: { json: { ready: true, number: 1 }, headers: { x-kind: a } } }\n    \
         expect: { outcome: failed }\n",
    );
    let result = result(&tests, tests.cases[0].clone()).await;
    let problem = result.problem.map(|problem| problem.to_string()).unwrap_or_default();
    assert!(problem.starts_with("the step `run` (`command.run`) acts outside"), "{problem}");
    assert!(problem.contains("`imitate: { run: succeeds }`"), "{problem}");
}
