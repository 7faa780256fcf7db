//! The engine without a runtime: outcomes in, events and commands out.

mod another_turn;
mod cancel;
mod decisions;
mod finally;
mod moved_on;
mod order;
mod plan_change;
mod properties;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Command, Engine, EngineSettings, SEMANTICS};
use crate::document::SourceFile;
use crate::plan::{Plan, parse_plan};
use crate::run::{
    BindingKind, BoundCertificate, Call, ErrorKind, Event, EventKind, Intent, Observation,
    OrderIntent, Outcome, ParkReason, PlanReference, Retry, RunHeader, RunState, StepError,
    WaitsFor,
};
use crate::types::{CertificateId, DomainName, RunId, StepId, Timestamp};

/// A run that is driven by hand.
pub(super) struct Scene {
    pub(super) engine: Engine,
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
}

/// A plan from its steps.
pub(super) fn plan(steps: &str) -> Arc<Plan> {
    let text = format!("certplan: 1\nname: test\nsteps:\n{steps}");
    match parse_plan(&SourceFile::new("test.yaml", &text)) {
        Ok((plan, _)) => Arc::new(plan),
        Err(wrong) => panic!("{}", wrong.render(false)),
    }
}

/// Steps that order and wait, without anything around.
pub(super) const ORDER: &str = "
  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - id: issued
    uses: regfish.wait_issued
    with: { certificate_id: '{{ steps.order.certificate_id }}' }
    poll: { every: 30s, timeout: 10m }
";

pub(super) fn id(text: &str) -> StepId {
    StepId::parse(text).unwrap()
}

impl Scene {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let header = RunHeader {
            plan: PlanReference {
                name: plan.name.clone(),
                file: "test.yaml".to_owned(),
                digest: String::new(),
            },
            target: "www.example.com".to_owned(),
            inputs: Map::new(),
            steps: plan.steps.keys().cloned().collect(),
            endpoints: BTreeMap::new(),
            sandbox: false,
            directory: "/".to_owned(),
            semantics: SEMANTICS,
            program: "test".to_owned(),
            earlier_runs: Vec::new(),
            orders_known: None,
        };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let run = RunId::from_random(1);
        let (engine, first) =
            Engine::start(run, plan, header, EngineSettings::default(), now).unwrap();
        let mut scene = Self { engine, events: vec![first], now };
        scene.settle();
        scene
    }

    /// Stores and applies, as the driver does.
    pub(super) fn record(&mut self, decided: Vec<EventKind>) {
        let events = self.engine.number(decided, self.now);
        let foreseen = self.engine.foresee(&events).unwrap();
        self.engine.enter(foreseen);
        self.events.extend(events);
    }

    /// Everything that follows by itself.
    pub(super) fn settle(&mut self) {
        loop {
            let decided = self.engine.advance(self.now);
            if decided.is_empty() {
                return;
            }
            self.record(decided);
        }
    }

    pub(super) fn finish(&mut self, step: &str, outcome: Outcome) {
        let decided = self.engine.finished(&id(step), outcome, self.now).unwrap();
        self.record(decided);
        self.settle();
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now.checked_add(jiff::SignedDuration::try_from(duration).unwrap()).unwrap();
        self.settle();
    }

    /// A later program reads the events and goes on.
    pub(super) fn crash_and_resume(&mut self) {
        let plan = Arc::clone(&self.engine.plan);
        let run = self.engine.run.clone();
        let settings = EngineSettings::default();
        self.engine = Engine::load(run, plan, &self.events, settings).unwrap();
        let decided = self.engine.resume("later test", self.now);
        self.record(decided);
        self.settle();
    }

    /// The commands that are due.
    pub(super) fn due(&self) -> Vec<Command> {
        let now = self.now;
        self.engine.commands().into_iter().filter(|command| command.not_before <= now).collect()
    }

    pub(super) fn call(&self, step: &str) -> Option<Call> {
        self.due().into_iter().find(|command| command.step == id(step)).map(|command| command.call)
    }

    pub(super) fn state(&self, step: &str) -> &'static str {
        self.engine.state().steps[&id(step)].state.name()
    }

    pub(super) fn phase(&self) -> &'static str {
        self.engine.state().phase.name()
    }

    /// What is stored gives the state that is lived.
    pub(super) fn assert_replays(&self) {
        let text = serde_json::to_string(&self.events).unwrap();
        let events: Vec<Event> = serde_json::from_str(&text).unwrap();
        assert_eq!(RunState::fold(&events).as_ref(), Ok(self.engine.state()));
    }
}

pub(super) fn succeeded(output: Value) -> Outcome {
    let Value::Object(output) = output else { panic!("an output is a map") };
    Outcome::Succeeded { output, certificate: None }
}

pub(super) fn ordered(certificate: &str, binding: BindingKind) -> Outcome {
    let output = json!({
        "certificate_id": certificate, "status": "pending", "action_required": false,
    });
    let certificate_id = CertificateId::parse(certificate).unwrap();
    Outcome::Succeeded {
        output: output.as_object().unwrap().clone(),
        certificate: Some(BoundCertificate { certificate_id, binding }),
    }
}

pub(super) fn intent() -> Intent {
    Intent::Order(OrderIntent {
        public_key_sha256: "00".to_owned(),
        sku: "X".to_owned(),
        common_name: DomainName::parse("www.example.com").unwrap(),
        names: BTreeSet::new(),
        organization_id: None,
        validity_days: None,
        renewal_of: None,
        known_certificate_ids: BTreeSet::new(),
    })
}

pub(super) fn error() -> StepError {
    StepError::new(ErrorKind::Unreachable, "down")
}

pub(super) fn passing() -> Outcome {
    Outcome::Failed { error: error(), retry: Retry::Later { after: None } }
}

pub(super) fn final_failure() -> Outcome {
    Outcome::Failed { error: error(), retry: Retry::Never }
}

pub(super) fn not_yet(summary: &str) -> Outcome {
    seeing(summary, json!({}))
}

/// Not there yet, and this is how things stand.
pub(super) fn seeing(summary: &str, seen: Value) -> Outcome {
    let Value::Object(seen) = seen else { panic!("what is seen is a map") };
    Outcome::NotYet { observation: Observation { summary: summary.to_owned(), seen } }
}

pub(super) fn parked() -> Outcome {
    Outcome::Parked {
        reason: ParkReason {
            waits_for: WaitsFor::Person,
            code: "organization_required".to_owned(),
            message: "an organization is needed".to_owned(),
            completion_url: None,
        },
    }
}
