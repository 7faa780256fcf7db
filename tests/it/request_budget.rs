//! A service that counts, and answers 429 to whoever sends too much: never to us.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certplan::api::budget::{Budget, BudgetSettings, Windows, budget_file};
use certplan::api::http::{BaseUrl, Connection, Gate, HttpClient, Method, OpenGate, Request};
use certplan::sandbox::{RateLimit, RateLimits, Sandbox, SandboxOptions};
use certplan::types::{Clock, SystemClock, VirtualClock, Work};

use crate::harness::{Project, Running, World, finish, impatient_plan};

const LONG: Duration = Duration::from_secs(600);

/// A sandbox with limits, and programs that use it.
struct Crowd {
    sandbox: Sandbox,
    clock: Arc<dyn Clock>,
    connection: Connection,
}

impl Crowd {
    async fn start(limits: &str, clock: Arc<dyn Clock>) -> Self {
        let mut options = SandboxOptions::embedded(Arc::clone(&clock));
        options.rate_limits.regfish = Windows::parse(limits)
            .unwrap()
            .iter()
            .map(|window| RateLimit { requests: window.requests, window: window.span })
            .collect();
        let key = options.api_key.clone();
        let sandbox = Sandbox::start(options).await.unwrap();
        let base_url = BaseUrl::parse(&sandbox.base_url()).unwrap();
        let connection =
            Connection { clock: Arc::clone(&clock), ..Connection::regfish(base_url, key) };
        Self { sandbox, clock, connection }
    }

    /// A program of its own: it shares nothing with the others but the folder.
    fn program(&self, limits: &str, folder: &Path) -> Budget {
        let file = budget_file(folder, &self.connection.base_url, &self.connection.api_key);
        let windows = Windows::parse(limits).unwrap();
        let settings = BudgetSettings { windows, file: Some(file), ..BudgetSettings::default() };
        Budget::new(settings, Arc::clone(&self.clock), Arc::new(|| 0.5))
    }

    /// Sends `requests` through the gates, all at once; returns how many were refused.
    async fn send(&self, gates: Vec<Arc<dyn Gate>>, requests: usize) -> usize {
        let refused = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        let busy = self.clock.busy();
        let clients: Vec<HttpClient> = gates
            .into_iter()
            .map(|gate| HttpClient::new(Connection { gate, ..self.connection.clone() }).unwrap())
            .collect();
        for number in 0..requests {
            let client = clients[number % clients.len()].clone();
            let work = Work::begin(Arc::clone(&self.clock), None);
            let refused = Arc::clone(&refused);
            let method = if number % 10 == 0 { Method::Post } else { Method::Get };
            tasks.spawn(async move {
                let request = Request::new(method, &["tls", "organization"]);
                let answer = work.within(LONG, client.send(&request)).await.unwrap().unwrap();
                if answer.status == 429 {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                drop(work.end());
            });
        }
        drop(busy);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        refused.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_of_four_programs_meet_no_429_at_the_published_limits() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::starting_at("2026-03-01T12:00:00Z".parse().unwrap()));
    let begin = clock.now();
    let crowd = Crowd::start("500/60s", clock.clone()).await;
    let programs: Vec<Arc<dyn Gate>> = (0..4)
        .map(|_| Arc::new(crowd.program("500/60s", folder.path())) as Arc<dyn Gate>)
        .collect();
    assert_eq!(crowd.send(programs, 10_000).await, 0);
    assert_eq!(crowd.sandbox.controls().requests().len(), 10_000);
    let took = Duration::try_from(clock.now().duration_since(begin)).unwrap();
    // At least 19 further windows; polls leave a twentieth of each to others.
    assert!(took >= Duration::from_secs(19 * 60), "{took:?}");
    assert!(took <= Duration::from_secs(22 * 60), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_take_their_time_meet_no_429_either_on_a_real_clock() {
    const LIMITS: &str = "150/100ms,600/500ms";
    let folder = tempfile::tempdir().unwrap();
    let crowd = Crowd::start(LIMITS, Arc::new(SystemClock)).await;
    let open: Arc<dyn Gate> = Arc::new(OpenGate);
    let programs: Vec<Arc<dyn Gate>> =
        (0..3).map(|_| Arc::new(crowd.program(LIMITS, folder.path())) as Arc<dyn Gate>).collect();
    assert_eq!(crowd.send(programs, 1_200).await, 0);
    // Without the budget the same limits do bite.
    assert!(crowd.send(vec![open], 1_200).await > 0);
}

#[test]
fn the_limits_of_the_sandbox_are_those_of_the_budget() {
    let published = |limits: Vec<RateLimit>| {
        limits.into_iter().map(|limit| (limit.requests, limit.window)).collect::<Vec<_>>()
    };
    let ours = |windows: Windows| {
        windows.iter().map(|window| (window.requests, window.span)).collect::<Vec<_>>()
    };
    let RateLimits { regfish, digicert } = RateLimits::published();
    assert_eq!(ours(Windows::regfish()), published(regfish));
    assert_eq!(ours(Windows::digicert()), published(digicert));
}

#[test]
fn five_programs_with_overlapping_needs_meet_no_429_and_order_once_each() {
    const LIMITS: &str = "12/1s";
    let world = World::with(|options| {
        options.clock = Arc::new(SystemClock);
        options.timing.looks[0].every = Duration::from_millis(5);
        let window = Duration::from_secs(1);
        options.rate_limits.regfish = vec![RateLimit { requests: 12, window }];
    });
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let programs: Vec<Running> = (0..5)
        .map(|number| {
            let name = format!("common_name=www.example-{number}.com");
            let mut command =
                project.command_for(&world.base_url(), &["run", "plan.yaml", "--input", &name]);
            command.env("REGFISH_LIMITS", LIMITS);
            Running::start(command)
        })
        .collect();
    for program in programs {
        let _ = program.finish().expect_code(0);
    }
    let refused = world.requests().iter().filter(|one| one.status == Some(429)).count();
    assert_eq!((refused, world.orders().len()), (0, 5));
    // Together they had to take their time.
    let requests = world.requests();
    let took = requests[requests.len() - 1].at.duration_since(requests[0].at);
    assert!(took.as_millis() >= 3_000 && requests.len() > 36, "{} in {took:?}", requests.len());
}

#[test]
fn a_batch_on_a_virtual_clock_goes_on_when_the_budget_is_full() {
    // That the list for all waits without stopping the clock is proved beside the desk that asks.
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let names: String = (0..24).map(|number| format!("www.example-{number}.com\n")).collect();
    project.write("inventory.txt", names);
    let arguments = ["run", "plan.yaml", "--inventory", "inventory.txt", "--yes", "--sandbox"];
    let mut command = project.command(&arguments);
    command.env("REGFISH_LIMITS", "20/60s");
    let _ = finish(command).expect_code(0).expect_data("24 issued");
    assert_eq!(project.embedded_orders().len(), 24);
}
