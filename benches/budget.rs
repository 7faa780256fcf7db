//! What the request budget costs a request: to be let through, and to be reported on.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set its scene has failed")]

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use certplan::api::budget::{Budget, BudgetSettings, PauseFile, Windows};
use certplan::api::http::{Gate, OpenGate, Turn, Urgency, Verdict};
use certplan::types::SystemClock;
use divan::Bencher;

fn main() {
    divan::main();
}

/// DigiCert's windows, made so wide that nobody ever waits: as many requests are looked through.
fn windows() -> Windows {
    Windows::parse("50000/180s,50000/5s").unwrap()
}

fn budget(file: Option<PathBuf>, pause: Option<PauseFile>) -> Budget {
    let settings = BudgetSettings { windows: windows(), file, pause, ..BudgetSettings::default() };
    Budget::new(settings, Arc::new(SystemClock), Arc::new(|| 0.5))
}

/// One request, from the question to the report. It never has to wait.
fn request(gate: &dyn Gate) {
    let mut pass = gate.pass(Urgency::Read);
    let Poll::Ready(turn) = pass.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the budget is not full");
    };
    let (Turn::Go(pass) | Turn::Probe(pass)) = turn.unwrap();
    pass.report(Verdict::Answered);
}

/// With `requests` of the last minutes in the log.
fn filled(budget: Budget, requests: usize) -> Budget {
    (0..requests).for_each(|_| request(&budget));
    budget
}

#[divan::bench]
fn no_budget(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| request(&OpenGate));
}

#[divan::bench(args = [0, 500, 1000], sample_count = 20, sample_size = 50)]
fn one_program(bencher: Bencher<'_, '_>, requests: usize) {
    let budget = filled(budget(None, None), requests);
    bencher.bench_local(|| request(&budget));
}

#[divan::bench(args = [0, 500, 1000], sample_count = 20, sample_size = 50)]
fn shared_by_programs(bencher: Bencher<'_, '_>, requests: usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = Some(folder.path().join("budget"));
    let budget = filled(budget(file, Some(PauseFile::in_directory(folder.path()))), requests);
    bencher.bench_local(|| request(&budget));
}
