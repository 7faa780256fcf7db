//! How soon an embedded sandbox answers, and what ten thousand open orders cost: memory, the list,
//! the CA's first look at all of them.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot set its scene has failed")]
#![expect(clippy::print_stdout, reason = "memory is measured once, not by divan")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use certplan::sandbox::{InitialOrder, InitialState, Sandbox, SandboxOptions};
use certplan::types::{Clock, DomainName, VirtualClock};
use divan::Bencher;
use tokio::runtime::Runtime;

/// As many orders as a large customer has.
const MANY: usize = 10_000;

fn main() {
    let before = resident();
    let full = Full::start();
    let (took, size) = full.list();
    println!(
        "{MANY} open orders take {} MiB; a list of them has {} MiB and took {took:?} at first",
        (resident() - before) / 1024,
        size >> 20,
    );
    drop(full);
    divan::main();
}

/// Kilobytes in memory, now.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn options() -> (SandboxOptions, VirtualClock) {
    let clock = VirtualClock::starting_at("2026-03-01T09:00:00Z".parse().unwrap());
    (SandboxOptions::embedded(Arc::new(clock.clone())), clock)
}

/// A sandbox full of open orders, and who asks it.
struct Full {
    runtime: Runtime,
    sandbox: Sandbox,
    clock: VirtualClock,
    client: reqwest::Client,
}

impl Full {
    fn start() -> Self {
        let (mut options, clock) = options();
        options.orders = (0..MANY)
            .map(|number| InitialOrder {
                id: None,
                common_name: DomainName::parse(&format!("www.customer{number}.example")).unwrap(),
                dns_names: Vec::new(),
                product: "RapidSSL".to_owned(),
                validity_days: None,
                organization: None,
                ordered: Duration::ZERO,
                state: InitialState::Pending,
            })
            .collect();
        let runtime = runtime();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { runtime, sandbox, clock, client }
    }

    /// How long a list takes, and how many bytes it has.
    fn list(&self) -> (Duration, usize) {
        let begin = std::time::Instant::now();
        let size = self.runtime.block_on(async {
            let url = format!("{}/tls/certificate", self.sandbox.base_url());
            let request = self.client.get(url).header("x-api-key", "sandbox.key");
            request.send().await.unwrap().bytes().await.unwrap().len()
        });
        (begin.elapsed(), size)
    }
}

#[divan::bench(sample_count = 50)]
fn embedded_start(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    bencher.bench_local(|| {
        let (options, _) = options();
        black_box(runtime.block_on(Sandbox::start(options)).unwrap())
    });
}

#[divan::bench(sample_count = 20)]
fn list_of_ten_thousand_open_orders(bencher: Bencher<'_, '_>) {
    let full = Full::start();
    bencher.bench_local(|| black_box(full.list()));
}

#[divan::bench(sample_count = 3)]
fn first_look_at_ten_thousand_open_orders(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(Full::start).bench_local_values(|full| {
        full.clock.advance_to(full.clock.now() + Duration::from_secs(90));
        black_box(full.list())
    });
}
