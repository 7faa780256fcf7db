//! The batch as the program drives it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use certplan::action::Actions;
use certplan::api::http::{BaseUrl, Connection};
use certplan::api::regfish::RegfishClient;
use certplan::document::SourceFile;
use certplan::driver::{BatchSettings, BatchTarget, Driver, Member, NameLocks, RunEnd, Shared};
use certplan::engine::{EngineSettings, SEMANTICS};
use certplan::plan::{GivenValue, parse_plan, resolve_inputs};
use certplan::run::{PlanReference, RunHeader, RunPhase, RunResult, RunState};
use certplan::sandbox::SandboxOptions;
use certplan::store::{BatchRequest, SqliteStore, StoredPlan, TargetKey, TargetLocks};
use certplan::types::{BatchId, Clock, RunId, StepId, SystemClock};

use crate::EVERY;

/// Drives so many targets; how many got their certificate.
pub(crate) async fn run(plan: &str, targets: usize, url: &str, folder: &Path) -> usize {
    let text = std::fs::read_to_string(format!("{}/plans/{plan}.yaml", env!("CARGO_MANIFEST_DIR")));
    let text = text.unwrap();
    let Ok((mut plan, _)) = parse_plan(&SourceFile::new("plan.yaml", &text)) else {
        panic!("the plan does not compile")
    };
    // The loop written by hand does not ask the name servers either.
    if let Some(asking) = plan.steps.shift_remove(&StepId::parse("propagated").unwrap()) {
        for step in plan.steps.values_mut() {
            if step.needs.remove(&asking.id) {
                step.needs.extend(asking.needs.iter().cloned());
            }
        }
    }
    for step in plan.steps.values_mut() {
        if let Some(poll) = &mut step.poll {
            poll.every = EVERY;
        }
    }
    let compiled = serde_json::to_string(&plan).unwrap();
    let stored = StoredPlan { digest: "0".repeat(64), semantics: SEMANTICS, text, compiled };
    let (plan, stored) = (Arc::new(plan), Arc::new(stored));

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let key = SandboxOptions::standalone().api_key;
    let connection = Connection::regfish(BaseUrl::parse(url).unwrap(), key);
    let actions = Actions {
        resolver: None,
        outside: None,
        regfish: Some(RegfishClient::new(connection).unwrap()),
        digicert: None,
        clock: Arc::clone(&clock),
        key_directory: folder.join("keys"),
        passphrase: None,
        desk: None,
    };
    let locks = TargetLocks::new(folder.join("locks"));
    let driver = Driver {
        store: Arc::new(SqliteStore::open(&folder.join("state.db")).unwrap()),
        clock,
        performer: Arc::new(actions.in_batch()),
        observer: Arc::new(|_, _| {}),
        settings: EngineSettings::default(),
        shared: Arc::new(Shared::in_batch(50, None).with_names(NameLocks::new(locks.clone()))),
    };
    let target = |number: usize| {
        let name = format!("www.site{number}.example");
        // Nor does it delete what it has put.
        let given = [("common_name", name.as_str()), ("keep_records", "true")]
            .map(|(input, value)| (input.to_owned(), GivenValue::Text(value.to_owned())));
        let header = RunHeader {
            plan: PlanReference {
                name: plan.name.clone(),
                file: "plan.yaml".to_owned(),
                digest: stored.digest.clone(),
            },
            target: name.clone(),
            inputs: resolve_inputs(&plan, &given).unwrap(),
            steps: plan.steps.keys().cloned().collect(),
            endpoints: BTreeMap::from([("regfish".to_owned(), url.to_owned())]),
            sandbox: false,
            directory: folder.display().to_string(),
            semantics: SEMANTICS,
            program: "certplan bench".to_owned(),
            earlier_runs: Vec::new(),
            orders_known: None,
        };
        let key = TargetKey { plan: plan.name.clone(), target: name, sandbox: false };
        BatchTarget {
            member: Member::New {
                run: RunId::from_random(u64::try_from(number).unwrap()),
                plan: Arc::clone(&plan),
                stored: Arc::clone(&stored),
                header: Box::new(header),
            },
            lock: Some(locks.lock(&key, "bench").unwrap()),
        }
    };
    let targets = (0..targets).map(target).collect();
    let runs = driver
        .start_batch(BatchId::from_random(1), "bench", BatchRequest::default(), targets)
        .await
        .unwrap();
    let stop = tokio::sync::watch::Sender::new(false);
    let digest = |_: &RunId, state: &RunState, _| {
        let issued = state.phase == RunPhase::Finished(RunResult::Succeeded);
        if issued { None } else { Some(format!("{:?}", state.steps)) }
    };
    let settings = BatchSettings::default();
    let report = driver.drive_batch(runs, &settings, stop.subscribe(), digest).await;
    let mut issued = 0;
    for end in report.ends {
        match end {
            RunEnd::Standstill(None) => issued += 1,
            RunEnd::Standstill(Some(other)) => panic!("{other}"),
            RunEnd::NotBegun(reason) => panic!("{reason:?}"),
            RunEnd::Refused(reason) => panic!("{reason}"),
            RunEnd::Broken(error) => panic!("{error}"),
        }
    }
    issued
}
