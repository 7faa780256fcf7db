//! `certplan preview`: it says what a run really sends, invents nothing, and sends nothing itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use certplan::action::Actions;
use certplan::api::http::{BaseUrl, Connection};
use certplan::api::regfish::RegfishClient;
use certplan::dns::Resolver;
use certplan::document::SourceFile;
use certplan::driver::Driver;
use certplan::engine::{EngineSettings, SEMANTICS};
use certplan::plan::{parse_plan, resolve_inputs};
use certplan::run::{PlanReference, RunHeader, RunPhase, RunResult};
use certplan::sandbox::{Sandbox, SandboxOptions};
use certplan::store::{MemoryStore, StoredPlan};
use certplan::types::{Clock, RunId, Secret, Timestamp, VirtualClock};
use serde_json::Value;

use crate::golden;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program in `folder`, in an environment that holds only `variables`.
fn certplan(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certplan"));
    command.args(arguments).current_dir(folder).env_clear().envs(variables.iter().copied());
    command.output().unwrap()
}

fn preview(arguments: &[&str]) -> (Option<i32>, String) {
    let arguments: Vec<&str> = ["preview"].iter().chain(arguments).copied().collect();
    // Whoever tries the program in this very folder leaves runs here that a preview tells of.
    let elsewhere = tempfile::tempdir().unwrap();
    for folder in ["plans", "tests"] {
        std::os::unix::fs::symlink(root().join(folder), elsewhere.path().join(folder)).unwrap();
    }
    let output = certplan(elsewhere.path(), &arguments, &[]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// What came to the server.
#[derive(Debug, Clone)]
struct Arrived {
    method: String,
    path: String,
    body: Option<Value>,
}

type Log = Arc<Mutex<Vec<Arrived>>>;

/// A server that writes down what comes, and hands it on to the sandbox when there is one.
#[derive(Clone)]
struct Recorder {
    log: Log,
    behind: Option<String>,
    client: reqwest::Client,
}

impl Recorder {
    /// Starts it; gives its address and what it will write down.
    async fn start(behind: Option<String>) -> (String, Log) {
        let log = Log::default();
        let recorder = Self { log: Arc::clone(&log), behind, client: reqwest::Client::new() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(record).with_state(recorder);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, log)
    }
}

async fn record(State(recorder): State<Recorder>, request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().to_string();
    recorder.log.lock().unwrap().push(Arrived {
        method: parts.method.to_string(),
        path: path.clone(),
        body: serde_json::from_slice(&body).ok(),
    });
    let Some(behind) = recorder.behind else {
        return (StatusCode::NOT_FOUND, HeaderMap::new(), Bytes::new());
    };
    let mut headers = parts.headers;
    headers.remove("host");
    let answer = recorder
        .client
        .request(parts.method, format!("{behind}{path}"))
        .headers(headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    if let Some(kind) = answer.headers().get("content-type") {
        headers.insert("content-type", kind.clone());
    }
    (answer.status(), headers, answer.bytes().await.unwrap())
}

/// Whether a text with placeholders can have become `found`. In a path a placeholder stands for one
/// segment at most.
fn fits(pattern: &str, found: &str, in_path: bool) -> bool {
    let Some(start) = pattern.find('‹') else { return pattern == found };
    let end = start + pattern[start..].find('›').unwrap() + '›'.len_utf8();
    let Some(rest) = found.strip_prefix(&pattern[..start]) else { return false };
    let longest = if in_path { rest.find('/').unwrap_or(rest.len()) } else { rest.len() };
    (0..=longest)
        .filter(|length| rest.is_char_boundary(*length))
        .any(|length| fits(&pattern[end..], &rest[length..], in_path))
}

fn body_fits(planned: &Value, found: &Value) -> bool {
    match (planned, found) {
        (Value::String(pattern), Value::String(found)) => fits(pattern, found, false),
        (Value::Object(planned), Value::Object(found)) => {
            planned.keys().eq(found.keys())
                && planned.iter().all(|(name, value)| body_fits(value, &found[name]))
        }
        (Value::Array(planned), Value::Array(found)) => {
            planned.len() == found.len()
                && planned.iter().zip(found).all(|(planned, found)| body_fits(planned, found))
        }
        (planned, found) => planned == found,
    }
}

/// Runs a plan to its end against a sandbox on a virtual clock; gives what was sent.
async fn really_sent(plan: &str, names: &str) -> Vec<Arrived> {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::now()));
    let options = SandboxOptions::embedded(Arc::clone(&clock));
    let key = Secret::new(options.api_key.reveal().to_owned());
    let sandbox = Sandbox::start(options).await.unwrap();
    let (address, log) = Recorder::start(Some(sandbox.base_url())).await;

    let text = std::fs::read_to_string(root().join("plans").join(plan)).unwrap();
    let (plan, _) = parse_plan(&SourceFile::new("plan.yaml", &text)).unwrap();
    let given = [("dns_names".to_owned(), certplan::plan::GivenValue::Text(names.to_owned()))];
    let header = RunHeader {
        plan: PlanReference {
            name: plan.name.clone(),
            file: "plan.yaml".to_owned(),
            digest: String::new(),
        },
        target: "www.example.com".to_owned(),
        inputs: resolve_inputs(&plan, &given).unwrap(),
        steps: plan.steps.keys().cloned().collect(),
        endpoints: BTreeMap::new(),
        earlier_runs: Default::default(),
        orders_known: None,
        sandbox: true,
        directory: folder.path().display().to_string(),
        semantics: SEMANTICS,
        program: "test".to_owned(),
    };
    let stored = StoredPlan {
        digest: String::new(),
        semantics: SEMANTICS,
        text,
        compiled: serde_json::to_string(&plan).unwrap(),
    };
    let base_url = BaseUrl::parse(&address).unwrap();
    let connection = Connection { clock: Arc::clone(&clock), ..Connection::regfish(base_url, key) };
    let actions = Actions {
        regfish: Some(RegfishClient::new(connection).unwrap()),
        digicert: None,
        resolver: Some(Resolver::at(sandbox.dns_address())),
        outside: None,
        clock: Arc::clone(&clock),
        key_directory: folder.path().join("keys"),
        passphrase: None,
        desk: None,
    };
    let driver = Driver {
        store: Arc::new(MemoryStore::default()),
        clock,
        performer: Arc::new(actions),
        observer: Arc::new(|_, _| {}),
        settings: EngineSettings::default(),
        shared: Arc::default(),
    };
    let run = RunId::from_random(7);
    let engine = driver.start(run.clone(), Arc::new(plan), stored, header).await.unwrap();
    let (_stop, stop) = tokio::sync::watch::channel(false);
    let engine = driver.drive(&run, engine, stop).await.unwrap();
    assert_eq!(engine.state().phase, RunPhase::Finished(RunResult::Succeeded));
    sandbox.stop().await;
    log.lock().unwrap().clone()
}

/// A request as the preview told it.
struct Told {
    method: String,
    path: String,
    body: Option<Value>,
    at_least: u64,
}

fn told(preview: &Value) -> Vec<Told> {
    let base = preview["endpoint"].as_str().unwrap();
    let steps = preview["steps"].as_array().unwrap().iter();
    let requests = steps.flat_map(|step| {
        let certain = step["prospect"] == "runs";
        step["requests"].as_array().unwrap().iter().map(move |request| (certain, request))
    });
    requests
        .map(|(certain, request)| Told {
            method: request["method"].as_str().unwrap().to_owned(),
            path: request["url"].as_str().unwrap().strip_prefix(base).unwrap().to_owned(),
            body: request.get("body").cloned(),
            at_least: if certain { request["at_least"].as_u64().unwrap() } else { 0 },
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_sends_what_its_preview_said_and_nothing_else() {
    for (plan, names) in [("ov-staged.yaml", "example.com,www.example.com"), ("dv.yaml", "")] {
        let path = format!("plans/{plan}");
        let names_input = format!("dns_names={names}");
        let (code, text) = preview(&[&path, "--input", &names_input, "--output", "json"]);
        assert_eq!(code, Some(0), "{text}");
        let preview: Value = serde_json::from_str(&text).unwrap();
        let mut told = told(&preview);
        let sent = really_sent(plan, names).await;
        for arrived in &sent {
            let says = |told: &&mut Told| {
                told.method == arrived.method
                    && fits(&told.path, &arrived.path, true)
                    && match (&told.body, &arrived.body) {
                        (Some(told), Some(found)) => body_fits(told, found),
                        (told, found) => told.is_none() && found.is_none(),
                    }
            };
            let mut fitting: Vec<&mut Told> = told.iter_mut().filter(says).collect();
            assert!(!fitting.is_empty(), "{plan}: the preview does not say {arrived:?}");
            if let Some(told) = fitting.iter_mut().find(|told| told.at_least > 0) {
                told.at_least -= 1;
            }
        }
        if let Some(told) = told.iter().find(|told| told.at_least > 0) {
            panic!("{plan}: the preview says {} {}, which was not sent", told.method, told.path);
        }
        let at_least = preview["requests"]["at_least"].as_u64().unwrap();
        assert!(sent.len() as u64 >= at_least, "{plan}: {} < {at_least}", sent.len());
        let orders =
            sent.iter().filter(|sent| sent.method == "POST" && sent.path == "/tls/certificate");
        assert_eq!(preview["orders"]["at_least"], orders.count(), "{plan}");
    }
}

#[test]
fn previews_read_as_they_were_found_good() {
    let release_train = "tests/fixtures/graph/release-train.yaml";
    let days = ["--input", "dns_names=example.com,shop.example.com", "--input", "validity_days=90"];
    let ov = ["plans/ov-staged.yaml"].iter().chain(&days).copied().collect::<Vec<_>>();
    for (golden, arguments) in [
        ("ov-staged.txt", ov),
        ("dv-sandbox.txt", vec!["plans/dv.yaml", "--sandbox"]),
        ("dv-online.txt", vec!["plans/dv.yaml", "--sandbox", "--online"]),
        ("dv.json", vec!["plans/dv.yaml", "--output", "json"]),
        ("release-train.txt", vec![release_train, "--input", "legacy=true"]),
    ] {
        let (code, text) = preview(&arguments);
        assert_eq!(code, Some(0), "{text}");
        golden::check(&format!("preview/{golden}"), &text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_needs_no_key_makes_no_state_and_sends_nothing() {
    let (address, log) = Recorder::start(None).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = root().join("plans/ov-staged.yaml");
    let address = format!("connections.regfish.base_url={address}");
    let arguments = ["preview", plan.to_str().unwrap(), "--set", &address];
    let output = certplan(folder.path(), &arguments, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(log.lock().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A sandbox whose requests are noted, and an empty folder.
struct Watched {
    sandbox: Sandbox,
    key: String,
    address: String,
    log: Log,
    folder: tempfile::TempDir,
}

impl Watched {
    async fn start() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::now()));
        let options = SandboxOptions::embedded(clock);
        let key = options.api_key.reveal().to_owned();
        let sandbox = Sandbox::start(options).await.unwrap();
        let (address, log) = Recorder::start(Some(sandbox.base_url())).await;
        let address = format!("connections.regfish.base_url={address}");
        Self { sandbox, key, address, log, folder: tempfile::tempdir().unwrap() }
    }

    fn certplan(&self, arguments: &[&str]) -> Output {
        let all = [arguments, &["--set", &self.address]].concat();
        certplan(self.folder.path(), &all, &[("REGFISH_API_KEY", &self.key)])
    }

    fn arrived(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().map(|sent| format!("{} {}", sent.method, sent.path)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_online_preview_sends_two_reads_and_shows_no_key() {
    let watched = Watched::start().await;
    let plan = root().join("plans/ov-staged.yaml");
    let arguments = ["preview", plan.to_str().unwrap(), "--online", "-vv", "--output", "json"];
    let output = watched.certplan(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(watched.arrived(), ["GET /tls/products", "GET /tls/organization"]);
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains(&watched.key));
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["requests"]["sent"], 2);
    assert_eq!(view["steps"][3]["requests"][1]["body"]["sku"], "SecureSite");
    assert_eq!(std::fs::read_dir(watched.folder.path()).unwrap().count(), 0);
    watched.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_online_preview_of_an_inventory_asks_what_is_equal_once_and_names_who_would_fail() {
    let watched = Watched::start().await;
    let folder = watched.folder.path();
    std::fs::copy(root().join("plans/ov-staged.yaml"), folder.join("ov.yaml")).unwrap();
    let targets = (0..20).map(|number| format!("  www.example-{number}.com: {{}}\n"));
    let targets: String = targets.collect();
    let inventory = format!("certplan_inventory: 1\nplan: ov.yaml\ntargets:\n{targets}");
    let preview = |text: &str, online: bool| {
        std::fs::write(folder.join("inventory.yaml"), text).unwrap();
        let online: &[&str] = if online { &["--online"] } else { &[] };
        let arguments = ["preview", "--inventory", "inventory.yaml", "-o", "json"];
        let output = watched.certplan(&[&arguments[..], online].concat());
        let view: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), view)
    };
    let (code, asked) = preview(&inventory, true);
    assert_eq!((code, &asked["sent"]), (Some(0), &2.into()), "{asked}");
    assert_eq!(watched.arrived(), ["GET /tls/products", "GET /tls/organization"]);
    assert_eq!(asked["orders"]["at_least"], 20);
    // What was asked beforehand, the runs ask all the same.
    let (_, offline) = preview(&inventory, false);
    assert_eq!(
        (&offline["sent"], &offline["about_requests"]),
        (&0.into(), &asked["about_requests"])
    );
    assert_eq!(watched.arrived().len(), 2);
    let nobody =
        format!("{inventory}  www.example.org: {{ inputs: {{ organization: Nobody }} }}\n");
    let (code, view) = preview(&nobody, true);
    assert_eq!(code, Some(1), "{view}");
    let reason = view["targets"][20]["fails"].as_str().unwrap();
    assert!(reason.contains("there is no organization `Nobody`"), "{reason}");
    assert_eq!(view["orders"]["at_least"], 20);
    watched.sandbox.stop().await;
}

#[test]
fn what_must_fail_is_said_before_any_money_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    let asks = |plan: &str| {
        std::fs::write(folder.path().join("plan.yaml"), plan).unwrap();
        let arguments = ["preview", "plan.yaml", "--sandbox", "--online"];
        let nobody = ["--input", "organization=Nobody"];
        let output = certplan(folder.path(), &[&arguments[..], &nobody].concat(), &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("✗ would fail: there is no organization `Nobody`"), "{text}");
        text
    };
    let shipped = std::fs::read_to_string(root().join("plans/ov-staged.yaml")).unwrap();
    let text = asks(&shipped);
    assert!(text.contains("not reached: needs `organization`"), "{text}");
    assert!(text.contains("none; nothing is bought"), "{text}");
    // Without that one line the order would not wait for the organization.
    let careless = shipped.replace("    needs: [organization]\n", "");
    let text = asks(&careless);
    assert!(text.contains("and the order would be placed all the same"), "{text}");

    let plan = "certplan: 1\nname: x\ninputs:\n  days: { type: integer, default: 90 }\nsteps:\n  \
                - id: key\n    uses: x509.create_csr\n    with: { common_name: a.example.com }\n  \
                - id: order\n    uses: regfish.create_order\n    with:\n      sku: RapidSSL\n      \
                common_name: a.example.com\n      csr: \"{{ steps.key.csr }}\"\n      \
                validity_days: \"{{ inputs.days }}\"\n";
    std::fs::write(folder.path().join("plan.yaml"), plan).unwrap();
    let output = certplan(folder.path(), &["preview", "plan.yaml", "--input", "days=900"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("none; nothing is bought"), "{text}");
    assert!(text.contains("at `validity_days`: expected integer from 1 to 825"), "{text}");
    assert!(text.contains("it comes from `{{ inputs.days }}`"), "{text}");

    // A term that the policy of the plan refuses is as good as an `assert` that fails.
    let policy = "      validity_policy: fail\n      \
                  validity_schedule: [{ from: 2020-01-01, days: 45 }]\n";
    std::fs::write(folder.path().join("plan.yaml"), format!("{plan}{policy}")).unwrap();
    let look = |days: &str| {
        let output = certplan(folder.path(), &["preview", "plan.yaml", "--input", days], &[]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = look("days=90");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("none; nothing is bought"), "{text}");
    assert!(text.contains("would fail: the plan asks for 90 days"), "{text}");
    assert!(!text.contains("POST"), "{text}");
    let (code, text) = look("days=45");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 order, paid"), "{text}");
}
