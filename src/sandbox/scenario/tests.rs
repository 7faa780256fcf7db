//! Scenarios from their text to what they do to a sandbox.

use std::path::{Path, PathBuf};

use super::*;

fn scenario(text: &str) -> Scenario {
    match Scenario::parse(&SourceFile::new("scenario.yaml", text)) {
        Ok(scenario) => scenario,
        Err(diagnostics) => panic!("{}", diagnostics.render(false)),
    }
}

const EVERYTHING: &str = include_str!("../../../tests/fixtures/scenarios/everything.yaml");

#[test]
fn a_scenario_with_every_key_is_read() {
    let scenario = scenario(EVERYTHING);
    let clock = Arc::new(crate::types::VirtualClock::starting_at(scenario.start.unwrap()));
    let options = scenario.options(clock);
    assert_eq!(options.seed, Some(7));
    assert_eq!(options.organizations.unwrap().len(), 3);
    assert_eq!(options.orders.len(), 3);
    assert_eq!(options.name_server_lags, [Duration::ZERO, Duration::from_secs(300)]);
    assert_eq!(options.timing.vetting, Duration::from_secs(3 * 86_400));
    assert_eq!(options.unmanaged.len(), 1);
    assert_eq!(options.random_faults.unwrap().kinds.len(), 2);
}

#[test]
fn a_world_with_a_start_signs_on_the_day_of_its_own_clock_whatever_else_is_switched() {
    for (text, begin) in [
        ("", CertificateBegin::NoLaterThanMachine),
        ("behaviour: { zip: not_found }", CertificateBegin::NoLaterThanMachine),
        ("start: 2026-03-02T09:00:00Z", CertificateBegin::AtIssuance),
        (
            "start: 2026-03-02T09:00:00Z\nbehaviour: { zip: not_found }",
            CertificateBegin::AtIssuance,
        ),
        (
            "start: 2026-03-02T09:00:00Z\nbehaviour: { begin: no_later_than_machine }",
            CertificateBegin::NoLaterThanMachine,
        ),
    ] {
        let scenario = scenario(&format!("certplan_scenario: 1\n{text}\n"));
        let clock = Arc::new(crate::types::SystemClock);
        assert_eq!(scenario.options(clock).behaviour.begin, begin, "{text}");
    }
}

#[test]
fn every_mistake_has_its_words() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let files = fixtures("scenarios_invalid");
    assert!(files.len() >= 30, "only {} fixtures", files.len());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = SourceFile::from_bytes(&name, &std::fs::read(&path).unwrap()).unwrap();
        let Err(diagnostics) = Scenario::parse(&file) else { panic!("{name} has no mistake") };
        let found = diagnostics.render(false);
        let expected = path.with_extension("stderr");
        if update {
            std::fs::write(&expected, &found).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("--- {name}\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "set UPDATE_GOLDEN=1 if this is right:\n{}", wrong.join("\n"));
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_schema_file_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/scenario.schema.json");
    let text = serde_json::to_string_pretty(&scenario_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "schemas/scenario.schema.json is stale: UPDATE_GOLDEN=1 writes it");
    assert!(jsonschema::draft202012::meta::is_valid(&scenario_schema()));
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&scenario_schema()).unwrap()
}

fn value_of(file: &SourceFile) -> Option<serde_json::Value> {
    let mut diagnostics = Diagnostics::new(file);
    let node = yaml::parse(file, &mut diagnostics)?;
    Some(node.to_value()).filter(|_| !diagnostics.has_errors())
}

/// Mistakes that only the decoder sees.
const ONLY_THE_DECODER: &[&str] =
    &["happening_target", "hide", "product_unknown", "start_impossible", "unserved_call"];

#[test]
fn what_the_schema_overlooks_is_known() {
    let validator = validator();
    let mut overlooked = Vec::new();
    for path in fixtures("scenarios_invalid") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let file = SourceFile::from_bytes(&name, &std::fs::read(&path).unwrap()).unwrap();
        // What is no YAML never reaches a schema.
        let Some(value) = value_of(&file) else { continue };
        if validator.is_valid(&value) {
            overlooked.push(name);
        }
    }
    assert_eq!(overlooked, ONLY_THE_DECODER);
}

#[test]
fn what_the_decoder_accepts_the_schema_accepts() {
    let validator = validator();
    let everything = value_of(&SourceFile::new("x", EVERYTHING)).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&everything).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Every part of the large example in the place of every other part.
    let mut parts = vec![serde_json::json!(null), serde_json::json!(-1), serde_json::json!("1h")];
    collect(&everything, &mut parts);
    let mut pointers = Vec::new();
    point(&everything, "", &mut pointers);
    for (number, pointer) in pointers.iter().enumerate() {
        for (place, part) in
            parts.iter().enumerate().filter(|(place, _)| (place + number) % 61 == 0)
        {
            let mut changed = everything.clone();
            *changed.pointer_mut(pointer).unwrap() = part.clone();
            let file = SourceFile::new("x", &changed.to_string());
            if Scenario::parse(&file).is_ok() {
                let wrong: Vec<String> =
                    validator.iter_errors(&changed).map(|e| e.to_string()).collect();
                assert!(wrong.is_empty(), "{place} at {pointer}: {wrong:#?}");
            }
        }
    }
}

fn collect(value: &serde_json::Value, parts: &mut Vec<serde_json::Value>) {
    if !parts.contains(value) {
        parts.push(value.clone());
    }
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, parts)),
        serde_json::Value::Object(map) => map.values().for_each(|item| collect(item, parts)),
        _ => {}
    }
}

fn point(value: &serde_json::Value, at: &str, pointers: &mut Vec<String>) {
    pointers.push(at.to_owned());
    match value {
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(place, item)| point(item, &format!("{at}/{place}"), pointers));
        }
        serde_json::Value::Object(map) => map.iter().for_each(|(key, item)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            point(item, &format!("{at}/{key}"), pointers);
        }),
        _ => {}
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_decoder_panic(
        at in 0..EVERYTHING.len(),
        length in 0..40usize,
        insert in "[-:{}\\[\\]\"'|>&*!%#@`,.?a-z0-9 \n\t\u{e4}]{0,12}",
    ) {
        let start = EVERYTHING.floor_char_boundary(at);
        let end = EVERYTHING.floor_char_boundary((start + length).min(EVERYTHING.len()));
        let text = format!("{}{insert}{}", &EVERYTHING[..start], &EVERYTHING[end..]);
        if let Err(diagnostics) = Scenario::parse(&SourceFile::new("scenario.yaml", &text)) {
            let _ = diagnostics.render(false);
        }
    }
}

/// What the sandbox of a scenario has to say, on a virtual clock.
struct Played {
    sandbox: crate::sandbox::Sandbox,
    clock: crate::types::VirtualClock,
    client: reqwest::Client,
}

impl Played {
    async fn start(text: &str) -> Self {
        let scenario = scenario(text);
        let start = scenario.start.unwrap_or_else(|| "2026-03-01T09:00:00Z".parse().unwrap());
        let clock = crate::types::VirtualClock::starting_at(start);
        let options = scenario.options(Arc::new(clock.clone()));
        let sandbox = crate::sandbox::Sandbox::start(options).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, clock, client }
    }

    async fn get(&self, path: &str) -> serde_json::Value {
        let url = format!("{}{path}", self.sandbox.base_url());
        let request = self.client.get(url).header("x-api-key", "sandbox.key");
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn status(&self, path: &str) -> u16 {
        let url = format!("{}{path}", self.sandbox.base_url());
        let request = self.client.get(url).header("x-api-key", "sandbox.key");
        request.send().await.unwrap().status().as_u16()
    }

    fn pass(&self, time: Duration) {
        self.clock.advance_to(self.clock.now() + time);
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn the_world_begins_as_the_scenario_says() {
    let text = EVERYTHING.split("\nfaults:").next().unwrap();
    let played = Played::start(text).await;
    let orders = played.get("/tls/certificate").await;
    let states: Vec<&str> = orders["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["order_state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["EXPIRED", "PENDING", "ACTION_REQUIRED"]);
    assert_eq!(orders["response"][0]["id"], "ABCDEFGHJKM23");
    let products = played.get("/tls/products").await;
    assert_eq!(products["response"].as_array().unwrap().len(), 2);
    let usable = |body: &serde_json::Value| -> Vec<bool> {
        let all = body["response"].as_array().unwrap().iter();
        all.map(|one| one["usable_for_ordering"].as_bool().unwrap()).collect()
    };
    assert_eq!(usable(&played.get("/tls/organization").await), [true, false, false]);
    played.pass(2 * HOUR);
    assert_eq!(usable(&played.get("/tls/organization").await), [true, true, false]);
    let records = played.get("/dns/example.com/rr").await;
    let flags: Vec<(bool, bool)> = records["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["auto"].as_bool().unwrap(), one["active"].as_bool().unwrap()))
        .collect();
    assert_eq!(flags, [(false, true), (true, true), (false, false)]);
}

#[tokio::test]
async fn what_is_planned_happens_at_its_time_and_what_is_refused_is_noted() {
    let played = Played::start(
        "certplan_scenario: 1\norders: [{ common_name: a.example, state: pending }]\nhappenings:\n\
         \x20 - { after: 2h, do: reject }\n  - { after: 1h, do: rotate_tokens }\n\
         \x20 - { after: 3h, do: { cancel: { target: b.example } } }\n",
    )
    .await;
    let target = |body: &serde_json::Value| {
        body["response"][0]["validation"]["dns_records"][0]["value"].as_str().unwrap().to_owned()
    };
    let first = target(&played.get("/tls/certificate").await);
    played.pass(HOUR);
    assert_ne!(target(&played.get("/tls/certificate").await), first);
    played.pass(HOUR);
    assert_eq!(played.get("/tls/certificate").await["response"][0]["status"], "rejected");
    played.pass(HOUR);
    played.get("/tls/certificate").await;
    let notes = played.sandbox.controls().happenings();
    let notes: Vec<(&str, bool)> =
        notes.iter().map(|note| (note.what.as_str(), note.refused.is_none())).collect();
    assert_eq!(notes, [("rotate_tokens", true), ("reject", true), ("cancel", false)]);
}

#[tokio::test]
async fn faults_hit_the_calls_that_they_name() {
    let played = Played::start(
        "certplan_scenario: 1\norders: [{ common_name: a.example }, { common_name: b.example }]\n\
         faults:\n  - { call: GET /tls/certificate/*, target: b.example, nth: 2, do: { answer: { \
         status: 503, retry_after: 30s } } }\n  - { call: GET /tls/products, do: { delay: 1h } }\n\
         \x20 - { call: GET /tls/certificate, nth: 2, do: { forget: { target: a.example } } }\n",
    )
    .await;
    let list = played.get("/tls/certificate").await;
    let path = |place: usize| {
        format!("/tls/certificate/{}", list["response"][place]["id"].as_str().unwrap())
    };
    let (a, b) = (path(0), path(1));
    for (path, status) in [(&a, 200), (&b, 200), (&a, 200), (&b, 503), (&b, 200)] {
        assert_eq!(played.status(path).await, status, "{path}");
    }
    let before = played.clock.now();
    assert_eq!(played.status("/tls/products").await, 200);
    assert_eq!(played.clock.now(), before + HOUR);
    played.get("/tls/certificate").await;
    assert_eq!(played.status(&a).await, 404);
    let seen: Vec<(u32, u32)> = played
        .sandbox
        .controls()
        .faults()
        .into_iter()
        .map(|(_, matched, hit)| (matched, hit))
        .collect();
    assert_eq!(seen, [(3, 1), (1, 1), (2, 1)]);
}
