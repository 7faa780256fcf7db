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

    let alone = ["run", "dv.yaml", "-i", "common_name=a.example.com"];
    let alone = project.run_for(&world.base_url(), &alone).expect_code(1);
    let _ = alone.expect_talk("`--again` starts a new run").expect_talk("`certplan doctor`");
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
    // The first of them was written before the order.
    std::fs::remove_dir_all(project.path().join("m")).unwrap();
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

/// A project with three runs, a copy of the state file after the first, and the log in which the third
/// one still stood when its program was killed.
fn three_runs(world: &World) -> (Project, Vec<u8>, Vec<u8>) {
    let project = project();
    let file = |name: &str| project.path().join(".certplan").join(name);
    let _ = run_for(&project, world, "a.example.com");
    let copy = std::fs::read(file("state.db")).unwrap();
    let _ = run_for(&project, world, "b.example.com");
    // Who reads meanwhile keeps the log from being put into the file.
    let reader = database(&project);
    let _: i64 = reader.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap();
    let _ = run_for(&project, world, "c.example.com");
    let log = std::fs::read(file("state.db-wal")).unwrap();
    drop(reader);
    (project, copy, log)
}

#[test]
fn a_copy_that_was_put_back_beside_the_log_of_another_file_is_told_with_its_cure() {
    let world = World::live();
    let (project, copy, log) = three_runs(&world);
    let file = |name: &str| project.path().join(".certplan").join(name);
    std::fs::write(file("state.db"), &copy).unwrap();
    std::fs::write(file("state.db-wal"), &log).unwrap();
    let sick = project.run(&["doctor"]).expect_code(1);
    let _ = sick.expect_data("put back while `state.db-wal`").expect_data("leave `state.orders`");

    // The cure, word by word.
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(file(name));
    }
    std::fs::write(file("state.db"), &copy).unwrap();
    let forgotten = project.run(&["doctor"]).expect_code(1).expect_data("the state file is whole");
    let _ = forgotten.expect_data("for b.example.com").expect_data("for c.example.com");
    for name in ["b.example.com", "c.example.com"] {
        let arguments = ["run", "dv.yaml", "-i", &format!("common_name={name}")];
        let _ = project.run_for(&world.base_url(), &arguments).expect_code(1);
    }
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn a_state_file_that_cannot_be_opened_or_is_gone_is_no_folder_without_runs() {
    let world = World::live();
    let (project, copy, _) = three_runs(&world);
    let file = project.path().join(".certplan/state.db");
    let looking = [&["status"][..], &["list"], &["resume"], &["status", "--output", "json"]];
    let refused = |reason: &str, found: &str| {
        for command in looking {
            let said = project.run(command).expect_code(2).expect_no_data();
            let _ = said.expect_talk(reason).expect_talk("`certplan doctor`");
        }
        let sick = project.run(&["doctor"]).expect_code(1).expect_data(found);
        let _ = sick.expect_data("a.example.com").expect_data("c.example.com");
    };
    std::fs::write(&file, &copy[..copy.len() / 2]).unwrap();
    refused("is malformed", "BAD  cannot open");
    // So it is when the file is of an older program, too.
    std::fs::write(&file, &copy).unwrap();
    let older = "PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE)";
    database(&project).execute_batch(older).unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    refused("is malformed", "is malformed");
    std::fs::remove_file(&file).unwrap();
    refused("is gone", "is gone; by");
    assert!(!file.exists(), "who looks makes nothing");
    let arguments = ["run", "dv.yaml", "-i", "common_name=c.example.com"];
    let _ = project.run_for(&world.base_url(), &arguments).expect_code(1);
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn orders_that_lost_their_second_note_are_told_and_noted_again_on_demand() {
    let (world, project) = (World::live(), project());
    let notes = project.path().join(".certplan/state.orders");
    let first = run_for(&project, &world, "a.example.com");
    let copy = std::fs::read(project.path().join(".certplan/state.db")).unwrap();
    let second = run_for(&project, &world, "b.example.com");
    let doctor = |code| project.run(&["doctor"]).expect_code(code);
    let _ = doctor(0).expect_data("every order is noted a second time, in `state.orders`");

    std::fs::remove_file(&notes).unwrap();
    let _ = doctor(1).expect_data("is gone; it would hold 2 orders").expect_data("--mend");
    assert!(!notes.exists(), "the doctor changes nothing by itself");
    let _ = project.run(&["doctor", "--mend"]).expect_code(0).expect_data("2 orders noted again");
    let _ = doctor(0).expect_data("every order is noted");

    let text = std::fs::read_to_string(&notes).unwrap();
    std::fs::write(&notes, text.replace(&second, "?")).unwrap();
    let sick = doctor(1).expect_data("lacks 1 order").expect_data("has a line that is damaged");
    assert!(sick.stdout.contains(&second) && !sick.stdout.contains(&first), "{sick}");
    let _ = project.run(&["doctor", "--mend"]).expect_code(0);

    // What was noted again does what the first note was for.
    std::fs::write(project.path().join(".certplan/state.db"), copy).unwrap();
    let _ = doctor(1).expect_data(&format!("it has forgotten that run {second}"));
    let arguments = ["run", "dv.yaml", "-i", "common_name=b.example.com"];
    let _ = project.run_for(&world.base_url(), &arguments).expect_code(1);
    assert_eq!(world.orders().len(), 2);

    // Notes that cannot be read keep everybody from ordering.
    std::fs::remove_file(&notes).unwrap();
    std::fs::create_dir(&notes).unwrap();
    let _ = doctor(1).expect_data("nothing is ordered until it can be read");
    let arguments = ["run", "dv.yaml", "-i", "common_name=d.example.com"];
    let _ = project.run_for(&world.base_url(), &arguments).expect_code(1);
    assert_eq!(world.orders().len(), 2);
}
