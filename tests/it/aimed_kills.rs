//! Many runs in flight, killed at random requests, several times in a row: one order per target.

use std::collections::BTreeMap;

use crate::harness::{
    API_KEY, Gate, Moment, Project, Running, address_of, finish, impatient_plan,
    listed_certificates,
};
use crate::interruption::side_by_side;

const TARGETS: usize = 25;

/// The requests of the shipped OV plan.
const REQUESTS: [&str; 9] = [
    "GET /tls/products ",
    "GET /tls/organization ",
    "GET /tls/certificate ",
    "POST /tls/certificate ",
    "/complete ",
    "GET /tls/certificate/",
    "GET /dns/",
    "POST /dns/rr ",
    "/download/pem ",
];

const MOMENTS: [Moment; 3] =
    [Moment::BeforeItArrives, Moment::BeforeTheAnswer, Moment::AmidTheAnswer];

/// Another seed for the same test, to try it many times.
const SEED_VARIABLE: &str = "CERTPLAN_TEST_SEED";

/// A small generator, so that a failure can be repeated with its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Starts a run for each target and kills each at a request of its own: before it arrives, before
/// its answer, or amid it. What ends before it comes there has ended.
fn kill_all(project: &Project, base_url: &str, runs: &[(usize, Vec<String>)], dice: &mut Dice) {
    let flights: Vec<(Gate, Running)> = runs
        .iter()
        .map(|(_, arguments)| {
            let moment = MOMENTS[dice.roll(MOMENTS.len())];
            let gate = Gate::holding_at(moment, base_url, REQUESTS[dice.roll(REQUESTS.len())]);
            let through = arguments.iter().map(|text| text.replace(base_url, gate.base_url()));
            let arguments: Vec<String> = through.collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = project.command_for(gate.base_url(), &arguments);
            // A real minute would prove no more.
            command.env("CERTPLAN_SETTLING_DELAY", "1s");
            (gate, Running::start(command))
        })
        .collect();
    for (gate, mut running) in flights {
        if gate.wait_until_held_or_over(&mut running) {
            running.kill();
        } else {
            // A gate that is never reached lets its run come to its end.
            let _ = running.finish().expect_code(0);
        }
    }
}

#[test]
fn runs_in_flight_that_are_killed_again_and_again_order_once_each() {
    let seed = std::env::var(SEED_VARIABLE).map_or(20_260_607, |text| text.parse().unwrap());
    println!("{SEED_VARIABLE}={seed}");
    let mut dice = Dice(seed);
    let server = Project::new();
    let mut sandbox = Running::start(server.command(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--key",
        API_KEY,
        "--speed",
        "quick",
    ]));
    let base_url = address_of(&mut sandbox);
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("ov-staged.yaml"));
    let target = |number: usize| format!("www.killed-{number}.com");
    let first: Vec<(usize, Vec<String>)> = (0..TARGETS)
        .map(|number| {
            let name = format!("common_name={}", target(number));
            (number, ["run", "plan.yaml", "--input", &name].map(str::to_owned).to_vec())
        })
        .collect();
    kill_all(&project, &base_url, &first, &mut dice);
    let resumable = || -> Vec<(usize, Vec<String>)> {
        let runs = project.runs().into_iter().filter(|run| run["phase"] != "succeeded");
        let ids = runs.map(|run| run["id"].as_str().unwrap().to_owned());
        let setting = format!("connections.regfish.base_url={base_url}");
        ids.map(|id| vec!["resume".to_owned(), id, "--set".to_owned(), setting.clone()])
            .enumerate()
            .collect()
    };
    for _ in 0..2 {
        kill_all(&project, &base_url, &resumable(), &mut dice);
    }
    let last = resumable();
    let commands: Vec<Vec<&str>> =
        last.iter().map(|(_, arguments)| arguments.iter().map(String::as_str).collect()).collect();
    let numbers: Vec<String> = (0..commands.len()).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    side_by_side(&numbers, |number| {
        let arguments = &commands[number.parse::<usize>().unwrap()];
        let mut command = project.command_for(&base_url, arguments);
        command.env("CERTPLAN_SETTLING_DELAY", "1s");
        let _ = finish(command).expect_code(0);
    });

    let runs = project.runs();
    assert_eq!(runs.len(), TARGETS, "seed {seed}");
    let owned: BTreeMap<&str, &str> = runs
        .iter()
        .map(|run| (run["certificate_id"].as_str().unwrap(), run["target"].as_str().unwrap()))
        .collect();
    assert_eq!(owned.len(), TARGETS, "seed {seed}: each run owns a certificate of its own");
    let mut listed = listed_certificates(&base_url);
    listed.sort();
    assert_eq!(listed, Vec::from_iter(owned.into_keys().map(str::to_owned)), "seed {seed}");
    project.expect_nowhere(API_KEY);
}
