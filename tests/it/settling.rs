//! A person settles an order in doubt, with the real program: `adopt`, `explain`, `events`.

use certplan::sandbox::{Fault, FaultAction};

use crate::harness::{API_KEY, COMMON_NAME, Finished, Project, Running, World, impatient_plan};

/// A run in doubt: its order arrived, its answer was lost, and somebody ordered the same.
struct Doubt {
    world: World,
    project: Project,
    run: String,
    ours: String,
    theirs: String,
    /// Of another run of the same project.
    owned: String,
    /// There before the run.
    known: String,
}

impl Doubt {
    fn new() -> Self {
        let world = World::live();
        let project = Project::new();
        project.write("plan.yaml", impatient_plan("dv.yaml"));
        let known = world.order_elsewhere("RapidSSL", COMMON_NAME);
        let lost = Fault::at("POST", "/tls/certificate", 1, FaultAction::DropAfterCommit);
        world.add_fault(lost);
        let arguments = ["run", "plan.yaml"];
        let mut running = Running::start(project.command_for(&world.base_url(), &arguments));
        running.wait_for("it is not known whether the order arrived");
        running.kill();
        let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
        let newest = |world: &World| world.orders().last().unwrap().id.clone();
        let ours = newest(&world);
        let theirs = world.order_elsewhere("RapidSSL", COMMON_NAME);
        let other = ["run", "plan.yaml", "--input", "common_name=b.example.com"];
        let other = project.run_for(&world.base_url(), &other).expect_code(0);
        let owned = other.value("certificate");
        let doubt = Self { world, project, run, ours, theirs, owned, known };
        let _ = doubt.run(&["resume", &doubt.run]).expect_code(5);
        doubt
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.project.run_for(&self.world.base_url(), arguments)
    }

    fn phase(&self) -> String {
        let runs = self.project.runs();
        let run = runs.iter().find(|run| run["id"] == *self.run).unwrap();
        run["phase"].as_str().unwrap().to_owned()
    }

    fn adopt(&self, certificate: &str) -> Finished {
        self.run(&["adopt", &self.run, "--certificate-id", certificate])
    }
}

#[test]
fn a_person_names_the_certificate_and_the_run_goes_on_under_it() {
    let doubt = Doubt::new();
    let orders = doubt.world.orders().len();
    // What cannot be the order is refused, and nothing changes.
    let foreign = doubt.world.order_elsewhere("RapidSSL", "shop.example.org");
    for (certificate, words) in [
        (doubt.known.as_str(), "was there before this run ordered"),
        (doubt.owned.as_str(), "belongs to another run"),
        (foreign.as_str(), "this run ordered"),
        ("7K9QW3M2ZT8HX", "is not there (404)"),
        ("../dns/rr", "certificate id"),
    ] {
        let refused = doubt.adopt(certificate).expect_code(2).expect_no_data();
        let _ = refused.expect_talk(words);
        assert_eq!(doubt.phase(), "in_doubt", "{certificate}");
    }
    let named = ["adopt", &doubt.run, "--certificate-id", &doubt.ours, "-o", "json"];
    let adopted = doubt.run(&named).expect_code(0);
    let view = adopted.json();
    assert_eq!((&view["settled"], &view["run"]), (&"adopted".into(), &doubt.run.as_str().into()));
    assert_eq!(view["certificate_id"], doubt.ours.as_str());
    let _ = adopted.expect_talk(&format!("owns certificate {} from now on", doubt.ours));
    // Settled is settled.
    let _ =
        doubt.adopt(&doubt.theirs).expect_code(2).expect_talk("no order of this run is in doubt");
    let resumed = doubt.run(&["resume", &doubt.run]).expect_code(0);
    assert_eq!(resumed.value("certificate"), doubt.ours);
    assert_eq!(doubt.world.orders().len(), orders + 1, "only the foreign one was added");
    doubt.project.expect_nowhere(API_KEY);
}

#[test]
fn a_person_names_the_wrong_twin_and_the_key_unmasks_it() {
    let doubt = Doubt::new();
    let _ = doubt.adopt(&doubt.theirs).expect_code(0);
    let failed = doubt.run(&["resume", &doubt.run]).expect_code(1);
    let _ = failed.expect_talk("nothing that was in place was replaced");
    assert!(!doubt.project.path().join("certs").join(COMMON_NAME).join("cert.pem").exists());
}

#[test]
fn that_nothing_was_ordered_must_be_confirmed_and_is_believed_then() {
    let doubt = Doubt::new();
    let orders = doubt.world.orders().len();
    let unconfirmed = doubt.run(&["adopt", &doubt.run, "--none"]).expect_code(2);
    let _ = unconfirmed.expect_talk("not confirmed; nothing was changed").expect_talk("--yes");
    assert_eq!(doubt.phase(), "in_doubt");
    let settled = doubt.run(&["adopt", &doubt.run, "--none", "--yes"]).expect_code(0);
    let _ = settled.expect_talk("counts its order as never made");
    // Nothing is sent before somebody resumes.
    assert_eq!(doubt.world.orders().len(), orders);
    let resumed = doubt.run(&["resume", &doubt.run]).expect_code(0);
    let certificate = resumed.value("certificate");
    assert!(![&doubt.ours, &doubt.theirs, &doubt.known].contains(&&certificate));
    assert_eq!(doubt.world.orders().len(), orders + 1);
    let nothing = doubt.run(&["adopt", &doubt.run, "--none", "--yes"]).expect_code(2);
    let _ = nothing.expect_talk("no order of this run is in doubt");
}

#[test]
fn a_run_in_doubt_is_explained_and_its_events_can_be_read() {
    let doubt = Doubt::new();
    let explained = doubt.project.run(&["explain", &doubt.run]).expect_code(0);
    let _ = explained
        .expect_data("It has sent an order, and does not know yet which certificate that became.")
        .expect_data("It is in doubt since")
        .expect_data(&format!("It could be {}", doubt.ours))
        .expect_data(&format!("It could be {}", doubt.theirs))
        .expect_data("A person decides; nothing is ordered again before.")
        .expect_data("--none` says that none arrived")
        .expect_data("because its answer was lost");
    let events = doubt.project.events(&doubt.run);
    let kinds: Vec<&str> = events.iter().map(|e| e["kind"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "run_started");
    assert!(kinds.contains(&"intent_recorded") && kinds.contains(&"step_in_doubt"), "{kinds:?}");
    let numbers: Vec<u64> = events.iter().map(|e| e["sequence"].as_u64().unwrap()).collect();
    assert!(numbers.iter().zip(1..).all(|(found, expected)| *found == expected));
    let _ = doubt.project.run(&["explain", "nobody"]).expect_code(2);
    let _ = doubt.project.run(&["events", "nobody"]).expect_code(2);
}
