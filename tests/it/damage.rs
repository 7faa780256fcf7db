//! What is damaged or lost on disk: one run, the locks, a result. It is said, and nothing else suffers
//! from it.

use crate::harness::{Gate, Project, Running, World, impatient_plan};

fn project() -> Project {
    let project = Project::new();
    project.write("dv.yaml", impatient_plan("dv.yaml"));
    project
}

fn run_for(project: &Project, world: &World, name: &str) -> String {
    let input = format!("common_name={name}");
    let run = project.run_for(&world.base_url(), &["run", "dv.yaml", "-i", &input]);
    run.expect_code(0).value("run")
}

fn database(project: &Project) -> rusqlite::Connection {
    rusqlite::Connection::open(project.path().join(".certplan/state.db")).unwrap()
}

#[test]
fn a_damaged_run_stops_its_own_target_alone_and_is_shown_as_damaged() {
    let (world, project) = (World::live(), project());
    let damaged = run_for(&project, &world, "a.example.com");
    let damage = "UPDATE events SET body = '{}' WHERE sequence = 3 AND run = (SELECT number FROM runs WHERE id = ?1)";
    assert_eq!(database(&project).execute(damage, [&damaged]).unwrap(), 1);

    project.write("names.txt", "a.example.com\nb.example.net\n");
    let arguments = ["run", "dv.yaml", "--inventory", "names.txt", "--output", "json"];
    let some = project.run_for(&world.base_url(), &arguments).expect_code(3);
    let recap = some.json();
    let row = |number: usize, field: &str| recap["targets"][number][field].as_str().unwrap();
    assert_eq!((row(0, "result"), row(1, "result")), ("failed", "issued"));
    let reason = row(0, "reason");
    assert!(reason.contains(&format!("run {damaged} cannot be read")), "{reason}");
    assert_eq!(world.orders().len(), 2);

    for command in ["list", "status"] {
        let shown = project.run(&[command]).expect_code(0);
        let line = shown.stdout.lines().find(|line| line.contains("a.example.com")).unwrap();
        assert!(line.contains("damaged"), "{line}");
        assert!(shown.stdout.contains("b.example.net"), "{shown}");
    }
    let only = project.run(&["status", "--only", "damaged", "--output", "json"]).expect_code(0);
    assert_eq!(only.json()[0]["id"], damaged.as_str());
}

#[test]
fn a_run_whose_lock_file_was_taken_away_stops_soon_and_goes_on_later() {
    let (world, project) = (World::live(), project());
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let running = Running::start(project.command_for(gate.base_url(), &["run", "dv.yaml"]));
    gate.wait_until_held();
    std::fs::remove_dir_all(project.path().join(".certplan/locks")).unwrap();
    gate.release();
    let stopped = running.finish().expect_code(1).expect_talk("it was deleted or replaced");
    let _ = stopped.expect_talk("`certplan resume`");
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = project.run_for(gate.base_url(), &["resume", &run]).expect_code(0);
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn a_metrics_file_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let (world, project) = (World::live(), project());
    project.write("names.txt", "a.example.com\n");
    std::fs::create_dir(project.path().join("folder")).unwrap();
    project.write("file", "");
    for place in ["folder", "file/x.prom"] {
        let arguments = ["run", "dv.yaml", "--inventory", "names.txt", "--metrics-file", place];
        let refused = project.run_for(&world.base_url(), &arguments).expect_code(2);
        let _ = refused.expect_talk("`--metrics-file`: cannot write").expect_no_data();
    }
    world.expect_nothing_ordered();
}

#[test]
fn metrics_that_are_lost_in_the_end_are_a_warning_and_no_success() {
    let (world, project) = (World::live(), project());
    project.write("names.txt", "a.example.com\n");
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let arguments = ["run", "dv.yaml", "--inventory", "names.txt", "--metrics-file", "m/x.prom"];
    let running = Running::start(project.command_for(gate.base_url(), &arguments));
    gate.wait_until_held();
    std::fs::remove_dir(project.path().join("m")).unwrap();
    project.write("m", "no folder any more");
    gate.release();
    let ended = running.finish().expect_code(1).expect_data("1 issued");
    let _ = ended.expect_talk("warning: cannot write the metrics to `m/x.prom`");
}

#[test]
fn data_that_cannot_be_written_is_no_success_and_a_reader_that_has_gone_away_is_none_of_our_business()
 {
    let (world, project) = (World::live(), project());
    let _ = run_for(&project, &world, "a.example.com");
    for command in [&["status"][..], &["list", "--output", "json"], &["schema"], &["--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut lost = project.command(command);
        lost.stdout(full);
        let lost = crate::harness::finish(lost).expect_code(1);
        if command != ["--help"] {
            let _ = lost.expect_talk("error: cannot write to standard output: No space left");
        }
        let mut child = project.command(command).spawn().unwrap();
        drop(child.stdout.take());
        let quiet = child.wait_with_output().unwrap();
        assert_eq!(quiet.status.code(), Some(0), "{command:?}");
        assert!(quiet.stderr.is_empty(), "{}", String::from_utf8_lossy(&quiet.stderr));
    }
}
