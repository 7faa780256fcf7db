//! What a batch costs: wall time, processor time, memory and requests, beside a loop written by hand
//! over the same requests.
//!
//! `cargo bench --bench batch` prints the table; `-- 1000` takes only that many targets, and
//! `-- 1000 0 dv` two rows of it. `× hand` is the processor time beside that of the loop. The sandbox is a process of its own, so that its work is not counted.
//! Each subject is one, too, so that its memory is its own.
//!
//! Everything is written to `TMPDIR`. What a file system takes for a file, and how long it takes to
//! flush one, is in the columns `system s` and `wall s`: on a disk that others use as well they say
//! more about the disk. With `TMPDIR=/dev/shm` they are about the program.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot set its scene has failed")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "batch/engine.rs"]
mod engine;
#[path = "batch/server.rs"]
mod server;
#[path = "batch/yardstick.rs"]
mod yardstick;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The pause between two looks: a target takes at least two of them.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// What a subject measured of itself.
struct Measured {
    wall: Duration,
    user: Duration,
    system: Duration,
    peak_kilobytes: u64,
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", latency] => server::serve(Duration::from_millis(latency.parse().unwrap())),
        ["measure", subject, plan, targets, url] => {
            let measured = measure(subject, plan, targets.parse().unwrap(), url);
            println!(
                "{} {} {} {}",
                measured.wall.as_micros(),
                measured.user.as_micros(),
                measured.system.as_micros(),
                measured.peak_kilobytes
            );
        }
        [] => table(&[1_000, 10_000], &[0, 50], &["ov-staged", "dv"]),
        [targets] => table(&[targets.parse().unwrap()], &[0, 50], &["ov-staged", "dv"]),
        [targets, latency, plan] => {
            table(&[targets.parse().unwrap()], &[latency.parse().unwrap()], &[plan]);
        }
        other => panic!("these arguments make no sense: {other:?}"),
    }
}

fn table(targets: &[usize], latencies: &[u64], plans: &[&str]) {
    println!(
        "| subject  | plan      | targets | latency | wall s | user s | system s | CPU s | × hand | \
         peak MB | requests each | goal |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|");
    for plan in plans {
        for count in targets {
            for latency in latencies {
                let by_hand = one("by hand", plan, *count, *latency);
                row("by hand", plan, *count, *latency, &by_hand, &by_hand);
                let ours = one("certplan", plan, *count, *latency);
                row("certplan", plan, *count, *latency, &ours, &by_hand);
            }
        }
    }
}

fn row(
    subject: &str,
    plan: &str,
    targets: usize,
    latency: u64,
    (measured, requests): &(Measured, usize),
    (yardstick, _): &(Measured, usize),
) {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let each = *requests as f64 / targets as f64;
    let processor = |measured: &Measured| (measured.user + measured.system).as_secs_f64();
    println!(
        "| {subject:8} | {plan:9} | {targets:7} | {latency:4} ms | {:6.2} | {:6.2} | {:8.2} | {:5.2} | \
         {:6.2} | {:7} | {each:13.2} | {} |",
        measured.wall.as_secs_f64(),
        measured.user.as_secs_f64(),
        measured.system.as_secs_f64(),
        processor(measured),
        processor(measured) / processor(yardstick),
        measured.peak_kilobytes / 1024,
        if subject == "certplan" { goal(plan, targets) } else { String::new() },
    );
}

/// What is wanted of so many targets: time, memory and requests, as far as a goal was set.
fn goal(plan: &str, targets: usize) -> String {
    let requests = if plan == "dv" { 4 } else { 5 };
    let size = match targets {
        1_000 => "2 s, 1 CPU s, 60 MB, ",
        10_000 => "15 s, 300 MB, ",
        _ => "",
    };
    format!("{size}1.3 × hand, {requests} requests")
}

/// One row: a fresh sandbox, a fresh subject.
fn one(subject: &str, plan: &str, targets: usize, latency: u64) -> (Measured, usize) {
    let this = std::env::current_exe().unwrap();
    let mut server = Command::new(&this)
        .args(["serve", &latency.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let output = Command::new(&this)
        .args(["measure", subject, plan, &targets.to_string(), &url])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{subject} failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
    let mut next = || numbers.next().unwrap();
    let measured = Measured {
        wall: Duration::from_micros(next()),
        user: Duration::from_micros(next()),
        system: Duration::from_micros(next()),
        peak_kilobytes: next(),
    };
    server.stdin.take().unwrap().write_all(b"count\n").unwrap();
    let requests = lines.next().unwrap().unwrap().parse().unwrap();
    server.wait().unwrap();
    (measured, requests)
}

fn measure(subject: &str, plan: &str, targets: usize, url: &str) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let began = Instant::now();
    let issued = match subject {
        "certplan" => runtime.block_on(engine::run(plan, targets, url, folder.path())),
        _ => runtime.block_on(yardstick::run(plan, targets, url, folder.path())),
    };
    let wall = began.elapsed();
    assert_eq!(issued, targets, "not every target got its certificate");
    let (user, system) = processor_time();
    Measured { wall, user, system, peak_kilobytes: peak_memory() }
}

/// What this process has used of the processor: its own code, and the system on its behalf.
fn processor_time() -> (Duration, Duration) {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    // Behind the name come the state and ten more; then user and system, in hundredths of a second.
    let hundredths = |field: &str| Duration::from_millis(10 * field.parse::<u64>().unwrap());
    (hundredths(fields[11]), hundredths(fields[12]))
}

fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
