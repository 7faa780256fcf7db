//! What `docs/sandbox.md` shows is what the sandbox does: every command against a real process.

use std::path::Path;

use certplan::sandbox::{Behaviour, set_switch};
use serde_json::Value;

use crate::harness::{Project, Running};

fn manual() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md")).unwrap()
}

/// The scenario that the manual shows.
fn scenario() -> String {
    let text = manual();
    text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// The words of a command as a shell would read them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            // Only where the shell is to put in a variable.
            '"' if !quoted => {}
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

struct Served {
    process: Running,
    api: String,
    control: String,
}

impl Served {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let mut all = vec!["sandbox", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut process = Running::start(project.command(&all));
        let api = process.wait_for("REGFISH_BASE_URL=").replace("REGFISH_BASE_URL=", "");
        let control = process.wait_for("control port at ").replace("control port at ", "");
        Self { process, api, control }
    }
}

#[tokio::test]
async fn every_command_of_the_manual_works() {
    let project = Project::new();
    project.write("scenario.yaml", scenario());
    let served = Served::start(&project, &["--virtual-clock", "--scenario", "scenario.yaml"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = manual();
    let commands: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("$ curl ")).collect();
    assert!(commands.len() >= 16, "{commands:?}");
    for command in commands {
        let (mut method, mut url, mut body) = (None, String::new(), None);
        let mut words = words(command).into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-X" => method = words.next(),
                "-d" => body = words.next(),
                _ => url = word.replace("$CONTROL", &served.control),
            }
        }
        let usual = if body.is_some() { "POST" } else { "GET" };
        let method = method.unwrap_or_else(|| usual.to_owned());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client.request(method, url).body(body.unwrap_or_default());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{command}: {answer}");
    }
    // Nothing of it is reachable through the imitated API.
    let response = client.get(format!("{}/faults", served.api)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    served.process.signal("TERM");
    let finished = served.process.finish();
    assert!(finished.stderr.contains("NOT A REAL CA"), "{finished}");
}

#[test]
fn a_sandbox_that_cannot_listen_says_why_and_what_may_help() {
    let project = Project::new();
    let open = project.run(&["sandbox", "--listen", "0.0.0.0:0"]).expect_code(2);
    assert!(open.stderr.contains("hint: `--beyond-loopback` lets other machines"), "{open}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let second = project.run(&["sandbox", "--listen", &address]).expect_code(2);
    assert!(second.stderr.contains("in use"), "{second}");
    assert!(second.stderr.contains("hint: is another sandbox running?"), "{second}");
    project.write("folder/file", "");
    let nowhere = ["sandbox", "--listen", "127.0.0.1:0", "--state-file", "folder"];
    let nowhere = project.run(&nowhere).expect_code(2);
    assert!(nowhere.stderr.contains("directory"), "{nowhere}");
}

#[test]
fn the_scenario_of_the_manual_is_one() {
    let project = Project::new();
    project.write("scenario.yaml", scenario());
    let checked = project.run(&["check", "scenario.yaml"]).expect_code(0);
    assert_eq!(checked.stdout, "scenario.yaml: ok, a scenario\n");
    project.write("wrong.yaml", "certplan_scenario: 1\nfault: []\n");
    let _ = project
        .run(&["check", "wrong.yaml"])
        .expect_code(2)
        .expect_talk("did you mean `faults`?")
        .expect_talk("`wrong.yaml` is no scenario that can be used");
    let _ = project.run(&["sandbox", "--scenario", "wrong.yaml"]).expect_code(2).expect_no_data();
    let schema = project.run(&["schema", "scenario"]).expect_code(0);
    assert_eq!(schema.json()["title"], "certplan scenario");
}

/// Key, values and meaning of each switch that the manual lists.
fn switches() -> Vec<(String, Vec<String>)> {
    let text = manual();
    let section = text.split("## What nobody has published").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let (key, values): (Vec<String>, Vec<String>) = (quoted(cells[1]), quoted(cells[2]));
        (key[0].clone(), values)
    })
    .collect()
}

#[test]
fn the_manual_lists_every_switch_with_every_value_and_its_usual_one() {
    let project = Project::new();
    let schema = project.run(&["schema", "scenario"]).expect_code(0).json();
    let behaviour = schema["properties"]["behaviour"]["properties"].as_object().unwrap();
    let listed = switches();
    let mut keys: Vec<&str> = listed.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let mut known: Vec<&str> = behaviour.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(keys, known);
    let mut usual = Behaviour::default();
    for (key, values) in &listed {
        let schema = &behaviour[key];
        if let Some(words) = schema["anyOf"].as_array() {
            let words: Vec<&str> = words.iter().map(|one| one["const"].as_str().unwrap()).collect();
            assert_eq!(values, &words, "{key}");
        } else if schema["type"] == "boolean" {
            assert_eq!(values.len(), 2, "{key}");
        }
        // Setting everything to what stands first changes nothing.
        if let Some(first) = values.first() {
            set_switch(&mut usual, &format!("{key}={first}")).unwrap();
            assert_eq!(usual, Behaviour::default(), "{key}={first}");
        }
    }
}

#[tokio::test]
async fn the_switches_can_be_set_on_the_command_line() {
    let project = Project::new();
    let _ = project
        .run(&["sandbox", "--listen", "127.0.0.1:0", "--behaviour", "zap=served"])
        .expect_code(2)
        .expect_no_data()
        .expect_talk("`--behaviour`: there is no switch `zap`; did you mean `zip`?");
    project.write("scenario.yaml", "certplan_scenario: 1\nbehaviour: { levels: false }\n");
    let switches = ["--scenario", "scenario.yaml", "--behaviour", "product_types=lower"];
    let served = Served::start(&project, &switches);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/tls/products", served.api);
    let answer = client.get(url).header("x-api-key", "sandbox.key").send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    for product in answer["response"].as_array().unwrap() {
        assert_eq!(product.get("validation_level"), None, "the scenario holds, too");
        assert_eq!(product["type"], product["type"].as_str().unwrap().to_lowercase());
    }
    served.process.signal("TERM");
    let _ = served.process.finish();
}

#[test]
fn the_control_port_stays_on_loopback_unless_told_otherwise() {
    let project = Project::new();
    let _ = project
        .run(&["sandbox", "--listen", "127.0.0.1:0", "--control-listen", "0.0.0.0:0"])
        .expect_code(2)
        .expect_talk("listens on loopback only");
}

#[test]
fn the_same_scenario_gives_the_same_events() {
    let text = "certplan_scenario: 1\nseed: 7\nstart: 2026-03-02T09:00:00Z\n\
                timing: { vetting: 3d }\nrandom_faults: { share: 8%, seed: 11 }\n";
    let play = || {
        let project = Project::new();
        project.write("scenario.yaml", text);
        project.write("plan.yaml", crate::scene::shipped_text("ov-staged.yaml"));
        let begin = std::time::Instant::now();
        let run =
            project.run(&["run", "plan.yaml", "--sandbox", "--sandbox-scenario", "scenario.yaml"]);
        let run = run.expect_code(0);
        let id = project.runs()[0]["id"].as_str().unwrap().to_owned();
        let events = serde_json::to_string(&project.events(&id)).unwrap();
        (story(&events), begin.elapsed(), run)
    };
    let (first, took, run) = play();
    let (second, _, _) = play();
    assert_eq!(first, second, "{run}");
    assert!(first.len() > 20);
    // Three days of vetting. Far above what it takes, because a loaded machine is slow.
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_resumed_run_goes_on_in_the_scenario_that_it_began_in() {
    let project = Project::new();
    project.write("scenario.yaml", "certplan_scenario: 1\ntiming: { vetting: 20d }\n");
    project.write("plan.yaml", crate::scene::shipped_text("ov-staged.yaml"));
    let run = ["run", "plan.yaml", "--sandbox", "--sandbox-scenario", "scenario.yaml"];
    let _ = project.run(&run).expect_code(4);
    let id = project.runs()[0]["id"].as_str().unwrap().to_owned();
    // It is the copy that counts, not what became of the file.
    project.write("scenario.yaml", "certplan_scenario: 1\n");
    let shown = project.run(&["show", &id]).expect_code(0);
    assert!(shown.stdout.contains("scenario"), "{shown}");
    let mut parked = 0;
    // A week of waiting each time; without the scenario the second would be the last.
    while project.run(&["resume", &id]).code == 4 {
        parked += 1;
        assert!(parked < 5, "the vetting ends after twenty days");
    }
    assert!(parked >= 1);
    assert_eq!(project.runs()[0]["phase"], "succeeded");
}

#[test]
fn runs_of_several_scenarios_go_on_one_world_after_the_other() {
    let project = Project::new();
    project.write("plan.yaml", crate::scene::shipped_text("ov-staged.yaml"));
    for (place, vetting) in ["8d", "8d", "9d"].iter().enumerate() {
        let text = format!("certplan_scenario: 1\ntiming: {{ vetting: {vetting} }}\n");
        project.write("scenario.yaml", text);
        let name = format!("common_name=host{place}.example{place}.com");
        let mut run = vec!["run", "plan.yaml", "--sandbox", "--sandbox-scenario", "scenario.yaml"];
        run.extend(["--input", &name]);
        let _ = project.run(&run).expect_code(4);
    }
    let _ = project.run(&["resume", "--all"]).expect_code(0);
    for run in project.runs() {
        assert_eq!(run["phase"], "succeeded", "{run}");
    }
}

/// What happened when, without what a run invents: its id, its keys, its folder and its port.
fn story(events: &str) -> Vec<(String, String, String)> {
    let events: Vec<Value> = serde_json::from_str(events).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .map(|event| {
            let kind = &event["kind"];
            (text(&event["at"]), text(&kind["type"]), text(&kind["step"]))
        })
        .collect()
}
