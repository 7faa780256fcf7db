//! What is wrong is said, nothing is ordered, and no API key is left anywhere.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use certplan::store::{NewRun, SqliteStore, Store, StoredRun};
use certplan::types::RunId;

use crate::harness::{
    API_KEY, Finished, Gate, Project, Running, World, finish, impatient_plan, shipped_plan,
};

/// A plan that tries once and then gives up.
fn hasty_plan() -> String {
    let text = impatient_plan("dv.yaml");
    let hasty =
        text.replace("    share: batch\n", "    share: batch\n    retry: { attempts: 1 }\n");
    assert_ne!(hasty, text);
    hasty
}

/// A refusal before anything was made: exit code 2, no data, no run.
#[track_caller]
fn expect_refused(project: &Project, finished: Finished, texts: &[&str]) {
    let mut finished = finished.expect_code(2).expect_no_data();
    for text in texts {
        finished = finished.expect_talk(text);
    }
    assert!(finished.stderr.contains("error: "), "{finished}");
    expect_no_key(project, &finished);
    assert_eq!(project.runs(), Vec::<Value>::new());
}

/// The key stands in no output and in no file that is left.
#[track_caller]
fn expect_no_key(project: &Project, finished: &Finished) {
    assert!(!finished.stdout.contains(API_KEY), "{finished}");
    assert!(!finished.stderr.contains(API_KEY), "{finished}");
    project.expect_nowhere(API_KEY);
}

/// A server that gives every request the same answer, and notes what it was asked.
struct Parrot {
    base_url: String,
    asked: std::sync::mpsc::Receiver<String>,
}

impl Parrot {
    fn saying(answer: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, asked) = std::sync::mpsc::channel();
        let answer = answer.to_owned();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut request = vec![0; 1 << 16];
                let length = client.read(&mut request).unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let _ = client.write_all(answer.as_bytes());
                // The test may be over.
                let _ = sender.send(text);
            }
        });
        Self { base_url, asked }
    }

    fn requests(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

#[test]
fn a_plan_file_that_is_not_there_is_named() {
    let project = Project::new();
    let finished = project.run(&["run", "plans/none.yaml", "--sandbox"]);
    let texts = ["cannot read the plan `plans/none.yaml`", "No such file or directory"];
    expect_refused(&project, finished, &texts);
    assert!(!project.path().join(".certplan").exists());
}

#[test]
fn a_folder_or_a_picture_is_no_plan() {
    let project = Project::new();
    let _ = project.run(&["run", ".", "--sandbox"]).expect_code(2).expect_no_data();
    project.write("plan.yaml", b"\x89PNG\r\n\x1a\n\0\0\0\xff");
    let finished = project.run(&["run", "plan.yaml", "--sandbox"]);
    expect_refused(
        &project,
        finished,
        &["`plan.yaml` is no plan that can be run; nothing was sent"],
    );
}

#[test]
fn malformed_yaml_is_shown_with_its_place() {
    let project = Project::new();
    project.write("plan.yaml", "certplan: 1\nname: x\nsteps: [\n");
    let finished = project.run(&["run", "plan.yaml", "--sandbox"]);
    let refused = "`plan.yaml` is no plan that can be run; nothing was sent";
    expect_refused(&project, finished, &["plan.yaml:3:8", refused]);
    let checked = project.run(&["check", "plan.yaml"]).expect_code(2).expect_no_data();
    let _ = checked.expect_talk("plan.yaml:3:8").expect_talk(refused);
}

#[test]
fn an_unknown_action_is_shown_with_the_nearest_one() {
    let project = Project::new();
    let text = impatient_plan("dv.yaml").replace("uses: regfish.download", "uses: regfish.downlod");
    project.write("plan.yaml", text);
    let finished = project.run(&["run", "plan.yaml", "--sandbox"]);
    expect_refused(&project, finished, &["regfish.downlod", "did you mean `regfish.download`?"]);
}

#[test]
fn a_plan_that_fails_check_makes_and_sends_nothing() {
    let world = World::new();
    let project = Project::new();
    let text = impatient_plan("dv.yaml").replace("steps.issued.certificate_id", "steps.issued.id");
    project.write("plan.yaml", text);
    let finished = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
    expect_refused(&project, finished, &["nothing was sent"]);
    assert!(!project.path().join(".certplan").exists());
    assert_eq!(world.requests(), []);
}

#[test]
fn a_missing_input_is_named_with_its_type() {
    let world = World::new();
    let project = Project::new();
    let text = impatient_plan("dv.yaml").replace("    default: www.example.com", "   ");
    project.write("plan.yaml", text);
    let finished = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
    let texts = ["the input `common_name` (domain) is missing", "hint: `dv` needs: common_name"];
    expect_refused(&project, finished, &texts);
    assert_eq!(world.requests(), []);
}

#[test]
fn inputs_that_do_not_fit_are_all_named_at_once() {
    let project = Project::new();
    let finished = project.run(&[
        "run",
        &shipped_plan("dv.yaml"),
        "--sandbox",
        "--input",
        "common_name=localhost",
        "--input",
        "validity_days=400",
        "--input",
        "dns_name=a.example.com",
    ]);
    let texts = [
        "the input `common_name` does not fit",
        "it needs at least two labels",
        "the input `validity_days`",
        "dns_name",
    ];
    expect_refused(&project, finished, &texts);
    let finished = project.run(&["run", &shipped_plan("dv.yaml"), "--sandbox", "-i", "nonsense"]);
    expect_refused(&project, finished, &["`--input` takes NAME=VALUE"]);
}

#[test]
fn a_setting_that_nothing_would_read_is_refused() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    for (setting, text) in [
        (
            "connections.regfish.url=https://x.example",
            "there is no setting `connections.regfish.url`",
        ),
        ("connections.other.base_url=https://x.example", "there is no setting"),
        ("base_url", "`--set` takes NAME=VALUE, for example `connections.regfish.base_url=…`"),
    ] {
        let finished = project.run(&["run", &plan, "--sandbox", "--set", setting]);
        expect_refused(&project, finished, &[text]);
        let resumed = project.run(&["resume", "--set", setting]);
        expect_refused(&project, resumed, &[text]);
    }
}

#[test]
fn without_an_api_key_nothing_is_sent_and_no_run_is_announced() {
    let world = World::new();
    let project = Project::new();
    let command = |key: Option<&str>| {
        let mut command = project.command(&["run", &shipped_plan("dv.yaml"), "-vv"]);
        command.env("REGFISH_BASE_URL", world.base_url());
        if let Some(key) = key {
            command.env("REGFISH_API_KEY", key);
        }
        command
    };
    for (key, text) in [
        (None, "no API key: the environment variable `REGFISH_API_KEY` is not set"),
        (Some(""), "no API key: the variable `REGFISH_API_KEY` is empty"),
        (Some(" \n"), "no API key: the variable `REGFISH_API_KEY` is empty"),
    ] {
        let finished = finish(command(key));
        assert!(!finished.stderr.contains(": run "), "{finished}");
        expect_refused(&project, finished, &[text]);
    }
    assert_eq!(world.requests(), []);
}

#[test]
fn without_a_base_url_the_key_would_go_to_the_real_api_only() {
    // Nothing is sent, because there is no key; a bad address would be found first.
    let project = Project::new();
    let finished = project.run(&["run", &shipped_plan("dv.yaml")]);
    expect_refused(&project, finished, &["no API key"]);
}

#[test]
fn a_key_that_cannot_stand_in_a_header_is_refused_and_not_shown() {
    let world = World::new();
    let project = Project::new();
    let mut command = project.command_for(&world.base_url(), &["run", &shipped_plan("dv.yaml")]);
    command.env("REGFISH_API_KEY", format!("{API_KEY}\n{API_KEY}"));
    expect_refused(&project, finish(command), &["key"]);
    assert_eq!(world.requests(), []);
}

#[test]
fn a_key_from_a_file_or_a_command_is_used_and_left_nowhere() {
    let secrets = Project::new();
    let file = secrets.write("key", format!("{API_KEY}\n")).display().to_string();
    let sources = [
        format!("{{ file: {file} }}"),
        format!("{{ command: [cat, {file}] }}"),
        "{ file: /nonexistent/key }".to_owned(),
        "{ command: ['false'] }".to_owned(),
    ];
    let world = World::new();
    for (number, source) in sources.iter().enumerate() {
        let project = Project::new();
        let plan = hasty_plan().replace("{ env: REGFISH_API_KEY }", source);
        project.write("plan.yaml", plan);
        let setting = format!("connections.regfish.base_url={}", world.base_url());
        // An unknown product: the key is used, nothing is ordered.
        let mut command = project.command(&[
            "run",
            "plan.yaml",
            "-vv",
            "--set",
            &setting,
            "--input",
            "product=None",
        ]);
        command.env("PATH", "/usr/bin:/bin");
        let finished = finish(command);
        expect_no_key(&project, &finished);
        if number < 2 {
            let _ = finished.expect_code(1).expect_talk("None");
        } else {
            expect_refused(&project, finished, &["no API key: "]);
        }
    }
    assert_eq!(world.requests().len(), 2);
    world.expect_nothing_ordered();
}

#[test]
fn a_wrong_api_key_fails_the_run_before_anything_is_ordered() {
    let world = World::new();
    let project = Project::new();
    let wrong = "rf.a-wrong-key-that-is-long-enough=";
    for (verbosity, target) in [("-v", "one"), ("-vv", "two"), ("-vvv", "three")] {
        let mut command = project.command_for(
            &world.base_url(),
            &["run", &shipped_plan("dv.yaml"), "--target", target, verbosity],
        );
        command.env("REGFISH_API_KEY", wrong);
        let finished = finish(command)
            .expect_code(1)
            .expect_talk("GET /tls/products: the API key was refused (401): `unauthorized`")
            .expect_talk("check `REGFISH_API_KEY`")
            .expect_talk("`certplan resume");
        assert_eq!(finished.value("state"), "failed");
        assert!(!finished.stdout.contains("certificate"), "{finished}");
        assert!(!finished.stderr.contains(wrong), "{finished}");
        project.expect_nowhere(wrong);
    }
    world.expect_nothing_ordered();
}

#[test]
fn with_the_right_key_a_failed_run_is_simply_started_again() {
    let world = World::new();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let mut command = project.command_for(&world.base_url(), &["run", "plan.yaml"]);
    command.env("REGFISH_API_KEY", "wrong");
    let first = finish(command).expect_code(1);
    // Nothing was ordered by it, so a new run is no danger; and the failed one can go on.
    let mut command =
        project.command_for(&world.base_url(), &["run", "plan.yaml", "-i", "product=None"]);
    command.env("REGFISH_API_KEY", "wrong");
    let _ = finish(command).expect_code(1);
    let mut resumed =
        Running::start(project.command_for(&world.base_url(), &["resume", &first.value("run")]));
    resumed.wait_for("not issued yet");
    world.pass(5);
    let resumed = resumed.finish().expect_code(0);
    assert_eq!(world.only_order().id, resumed.value("certificate"));
    expect_no_key(&project, &resumed);
}

#[test]
fn no_key_is_left_by_a_talkative_run_that_succeeds() {
    let world = World::new();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("ov-staged.yaml"));
    let mut command = project.command_for(&world.base_url(), &["run", "plan.yaml", "-vvv"]);
    command.env("CERTPLAN_LOG", "trace");
    let mut running = Running::start(command);
    running.wait_for("not issued yet");
    world.pass(5);
    let finished = running.finish().expect_code(0);
    expect_no_key(&project, &finished);
    for command in [&["show"][..], &["events"], &["show", "--output", "json"]] {
        let run = finished.value("run");
        let arguments: Vec<&str> = [&command[..1], &[&run], &command[1..]].concat();
        expect_no_key(&project, &project.run(&arguments).expect_code(0));
    }
}

/// In a process of its own: `tracing` remembers for a whole process what nobody listens to.
#[test]
fn the_most_talkative_log_tells_method_path_and_status_but_not_the_key() {
    let echo = format!("{{\"success\":false,\"error\":\"bad key {API_KEY}\"}}");
    let parrot =
        Parrot::saying(&http("401 Unauthorized", "content-type: application/json\r\n", &echo));
    let project = Project::new();
    project.write("plan.yaml", hasty_plan());
    let mut command = project.command_for(&parrot.base_url, &["run", "plan.yaml", "-vvv"]);
    command.env("CERTPLAN_LOG", "trace");
    let finished = finish(command).expect_code(1);
    for part in ["method=GET", "path=/tls/products", "status=401", "took="] {
        assert!(finished.stderr.contains(part), "{part} in {finished}");
    }
    expect_no_key(&project, &finished);
}

#[test]
fn an_api_that_is_down_fails_the_run_and_is_named() {
    // Bound, so that nobody else gets the port, but never listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base_url = format!("http://{}", socket.local_addr().unwrap());
    let project = Project::new();
    project.write("plan.yaml", hasty_plan());
    let finished = project
        .run_for(&base_url, &["run", "plan.yaml", "-vv"])
        .expect_code(1)
        .expect_talk(&format!("GET /tls/products: cannot connect to `{base_url}`"))
        .expect_talk("onnection refused")
        .expect_talk("check the network and the base URL");
    expect_no_key(&project, &finished);
}

#[test]
fn an_api_that_answers_with_pages_fails_the_run_and_is_quoted() {
    let page = "<!DOCTYPE html><html><body>Welcome to your router</body></html>";
    let parrot = Parrot::saying(&http("200 OK", "content-type: text/html\r\n", page));
    let project = Project::new();
    project.write("plan.yaml", hasty_plan());
    let finished = project
        .run_for(&parrot.base_url, &["run", "plan.yaml", "-vv"])
        .expect_code(1)
        .expect_talk("GET /tls/products answered with HTML, not JSON (status 200")
        .expect_talk("is the base URL that of the API?");
    expect_no_key(&project, &finished);
    let requests = parrot.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET /tls/products ")));
}

#[test]
fn an_api_that_answers_with_terminal_codes_does_not_move_the_cursor() {
    let body = r#"{"success": false, "message": "\u001b[2Jgone\u0007\r\nerror: all is well"}"#;
    let parrot = Parrot::saying(&http("400 Bad Request", "", body));
    let project = Project::new();
    project.write("plan.yaml", hasty_plan());
    let finished = project.run_for(&parrot.base_url, &["run", "plan.yaml"]).expect_code(1);
    assert!(finished.stderr.contains("gone"), "{finished}");
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!finished.stderr.contains(odd) && !finished.stdout.contains(odd), "{finished:#}");
    assert!(!finished.stderr.contains("\nerror: all is well"), "{finished}");
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays_here() {
    let elsewhere = Parrot::saying(&http("200 OK", "", "{}"));
    let headers = format!("location: {}/tls/products\r\n", elsewhere.base_url);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let parrot = Parrot::saying(&http(status, &headers, ""));
        let project = Project::new();
        project.write("plan.yaml", hasty_plan());
        let finished = project
            .run_for(&parrot.base_url, &["run", "plan.yaml", "-vv"])
            .expect_code(1)
            .expect_talk("was not followed");
        expect_no_key(&project, &finished);
        assert!(parrot.requests()[0].contains(API_KEY), "the key goes to the base URL");
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[test]
fn a_proxy_in_the_environment_does_not_see_what_goes_to_this_machine() {
    let proxy = Parrot::saying(&http("200 OK", "", "{}"));
    let world = World::new();
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    let mut command = project.command_for(&world.base_url(), &["run", &plan, "-i", "product=None"]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, &proxy.base_url);
    }
    let _ = finish(command).expect_code(1).expect_talk("None");
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[test]
fn a_base_url_that_would_show_the_key_is_refused() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    for (url, text) in [
        ("http://api.regfish.com", "plain http would show the API key"),
        ("http://192.0.2.1:8484", "plain http would show the API key"),
        ("http://localhost.example.com", "plain http would show the API key"),
        ("ftp://127.0.0.1", "its scheme is not https"),
        ("", "it is not a URL"),
    ] {
        let setting = format!("connections.regfish.base_url={url}");
        let mut by_setting = project.command(&["run", &plan, "--set", &setting]);
        by_setting.env("REGFISH_API_KEY", API_KEY);
        expect_refused(&project, finish(by_setting), &[text, "(from `--set`)"]);
        let by_environment = project.command_for(url, &["run", &plan]);
        let origin = "(from the environment variable `REGFISH_BASE_URL`)";
        expect_refused(&project, finish(by_environment), &[text, origin]);
    }
    let with_password = project.command_for("https://me:hunter2@api.example", &["run", &plan]);
    let finished = finish(with_password);
    assert!(!finished.stderr.contains("hunter2"), "{finished}");
    expect_refused(&project, finished, &["does not belong into it"]);
    assert!(!project.path().join(".certplan").exists());
}

#[test]
fn a_run_that_does_not_exist_or_is_not_the_only_one_is_said_so() {
    let project = Project::new();
    for command in ["show", "events", "resume"] {
        let finished = project.run(&[command, "abc"]);
        expect_refused(&project, finished, &["there are no runs in", "--state-dir"]);
    }
    assert!(!project.path().join(".certplan").exists());
    let plan = shipped_plan("dv.yaml");
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let ids: Vec<String> =
        project.runs().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
    // The first letter of an id is made of the lowest five bits.
    let alike = [1, 33].map(RunId::from_random);
    for id in &alike {
        copy_run(&project, id);
    }
    for command in ["show", "events", "resume"] {
        let _ = project
            .run(&[command, "nonesuch\u{1b}[2J"])
            .expect_code(2)
            .expect_no_data()
            .expect_talk("there is no run `nonesuch")
            .expect_talk("`certplan status` lists all runs");
        let _ = project.run(&[command, ""]).expect_code(2).expect_talk("the run's id is empty");
        let finished = project.run(&[command, "1"]).expect_code(2).expect_no_data();
        let finished = finished.expect_talk("give more of the id");
        let _ = finished.expect_talk(alike[0].as_str()).expect_talk(alike[1].as_str());
        let _ = project.run(&[command, &ids[0]]).expect_code(0);
    }
}

/// Stores the project's only real run once more, under another id.
fn copy_run(project: &Project, id: &RunId) {
    let path = project.path().join(".certplan/state.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        let known = store.list_runs().await.unwrap().pop().unwrap().id;
        let StoredRun { plan, mut events } = store.load_run(&known).await.unwrap();
        events.truncate(1);
        store.create_run(NewRun { id: id.clone(), plan, events }).await.unwrap();
    });
}

#[test]
fn a_state_file_that_is_damaged_newer_or_foreign_is_left_as_it_is() {
    let plan = shipped_plan("dv.yaml");
    let project = Project::new();
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let path = project.path().join(".certplan/state.db");
    // A status that writes nothing leaves the log behind as well: start from the bare file.
    for beside in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(project.path().join(".certplan").join(beside));
    }
    let whole = std::fs::read(&path).unwrap();

    let mut newer = whole.clone();
    // `user_version` stands at byte 60 (the SQLite file format, 1.3).
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut foreign = whole.clone();
    foreign[68..72].copy_from_slice(&0x1234_5678_u32.to_be_bytes());
    let mut cut = whole.clone();
    cut.truncate(whole.len() / 2);
    for (bytes, text) in [
        (newer.as_slice(), "has format 99; this program knows formats up to 5"),
        (foreign.as_slice(), "is not a certplan state file"),
        (b"a letter to my aunt".as_slice(), "is not a certplan state file"),
        (cut.as_slice(), "state.db"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        for command in [
            &["status"][..],
            &["run", &plan, "--sandbox"],
            &["run", &plan, "--sandbox", "--again", "--output", "json"],
            &["resume"],
            &["show", "a"],
        ] {
            let _ = project.run(command).expect_code(2).expect_no_data().expect_talk(text);
            assert!(std::fs::read(&path).unwrap() == bytes, "{command:?} changed the file");
        }
    }
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let world = World::new();
    let project = Project::new();
    project.write("occupied", "a file");
    let plan = shipped_plan("dv.yaml");
    for folder in ["occupied", "occupied/below"] {
        let run = project.run_for(&world.base_url(), &["run", &plan, "--state-dir", folder]);
        let run = run.expect_code(2).expect_no_data().expect_talk("cannot make the folder of");
        expect_no_key(&project, &run.expect_talk("occupied"));
    }
    for command in [&["status"][..], &["resume"], &["show", "a"], &["events", "a"]] {
        let arguments = [command, &["--state-dir", "occupied"]].concat();
        let finished = project.run(&arguments).expect_code(2).expect_no_data();
        let _ = finished.expect_talk("cannot look for").expect_talk("occupied/state.db");
    }
    let mut command = project.command_for(&world.base_url(), &["run", &plan]);
    command.env("CERTPLAN_STATE_DIR", "occupied");
    let _ = finish(command).expect_code(2).expect_talk("occupied");
    assert_eq!(world.requests(), []);
    assert_eq!(std::fs::read_to_string(project.path().join("occupied")).unwrap(), "a file");
}

#[test]
fn a_certificate_folder_that_cannot_be_made_fails_the_run_before_it_orders() {
    let project = Project::new();
    let files = project.path().join(".certplan/sandbox/files");
    std::fs::create_dir_all(&files).unwrap();
    project.write(".certplan/sandbox/files/certs", "a file");
    let plan = shipped_plan("dv.yaml");
    let run = project.run(&["run", &plan, "--sandbox"]).expect_code(1).expect_talk("certs");
    assert!(project.embedded_orders().is_empty());
    std::fs::remove_file(files.join("certs")).unwrap();
    let _ = project.run(&["resume", &run.value("run")]).expect_code(0);
    assert_eq!(project.embedded_orders().len(), 1);
}

#[test]
fn a_certificate_folder_that_is_lost_after_the_order_fails_the_run_and_keeps_the_order() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let running = Running::start(project.command_for(gate.base_url(), &["run", "plan.yaml"]));
    gate.wait_until_held();
    std::fs::remove_dir_all(project.path().join("certs")).unwrap();
    project.write("certs", "a file");
    gate.release();
    let run = running.finish().expect_code(1).expect_talk("certs");
    std::fs::remove_file(project.path().join("certs")).unwrap();
    let base_url = format!("connections.regfish.base_url={}", world.base_url());
    let resume = ["resume", &run.value("run"), "--set", &base_url];
    let resumed = project.run_for(&world.base_url(), &resume).expect_code(0);
    assert_eq!(resumed.value("certificate"), run.value("certificate"));
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn a_refusal_with_json_output_leaves_standard_output_empty() {
    let project = Project::new();
    project.write("plan.yaml", "nonsense");
    for command in [
        &["run", "plan.yaml", "--output", "json"][..],
        &["run", "none.yaml", "--output", "json"],
        &["show", "abc", "--output", "json"],
        &["run", "plan.yaml", "--output", "yaml"],
        &["ruin", "plan.yaml"],
    ] {
        let _ = project.run(command).expect_code(2).expect_no_data().expect_talk("error: ");
    }
}

#[test]
fn a_failed_run_with_json_output_says_so_in_json() {
    let world = World::new();
    let project = Project::new();
    let mut command = project
        .command_for(&world.base_url(), &["run", &shipped_plan("dv.yaml"), "--output", "json"]);
    command.env("REGFISH_API_KEY", "wrong");
    let result = finish(command).expect_code(1).json();
    assert_eq!((&result["phase"], &result["certificate_id"]), (&"failed".into(), &Value::Null));
    let steps = result["steps"].as_array().unwrap();
    let failed: Vec<&Value> = steps.iter().filter(|step| step["state"] == "failed").collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0]["detail"].as_str().unwrap().contains("401"), "{failed:?}");
}

#[test]
fn a_variable_that_means_nothing_is_refused_before_anything_is_said_or_made() {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    project.write("names.txt", "www.example.com");
    for (variable, value, reason) in [
        ("REGFISH_LIMITS", "500/60s,abc", "`abc` is no limit of requests"),
        ("DIGICERT_LIMITS", "0/5s", "`0/5s` is no limit of requests"),
        ("CERTPLAN_RESOLVER", "somewhere", "somewhere"),
        ("CERTPLAN_SETTLING_DELAY", "soon", "no duration"),
        ("CERTPLAN_SETTLING_DELAY", "0s", "must be at least `1s`"),
        ("REGFISH_BASE_URL", "ftp://example.com", "ftp"),
    ] {
        for arguments in [
            &["run", "plan.yaml", "--input", "common_name=www.example.com"][..],
            &["run", "plan.yaml", "--inventory", "names.txt", "--yes"],
        ] {
            let mut command = project.command_for("http://127.0.0.1:9", arguments);
            command.env(variable, value);
            let refused = finish(command).expect_code(2).expect_no_data();
            assert!(refused.stderr.starts_with("error: "), "{arguments:?}: {refused}");
            assert!(refused.stderr.contains(variable), "{arguments:?}: {refused}");
            let _ = refused.expect_talk(reason);
        }
        // What an address is used for is known when the plans are.
        assert!(
            variable == "REGFISH_BASE_URL" || !project.path().join(".certplan").exists(),
            "{variable}"
        );
    }
}
