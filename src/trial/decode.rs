//! Reading a test file: its version, its plan, its cases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Folder;
use super::decode_expectation::decode_expectation;
use super::expectation::Expectation;
use super::model::{Act, Case, KillAt, TestFile};
use crate::document::SourceFile;
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::{GivenValue, InputError, Plan, explain_mismatches, parse_plan, resolve_inputs};
use crate::sandbox::Scenario;
use crate::types::{parse_duration, printable, shorten};

/// The version of the format that this program knows.
const FORMAT_VERSION: i64 = 1;

const FILE_KEYS: [&str; 6] =
    ["certplan_test", "plan", "description", "inputs", "scenario", "cases"];
const CASE_KEYS: [&str; 8] =
    ["name", "description", "inputs", "scenario", "limit", "kill_at", "expect", "then"];
const ACT_KEYS: [&str; 2] = ["after", "expect"];

/// More cases than this in one file are a mistake.
const MOST_CASES: usize = 1_000;

/// A run that stands still is resumed no more often than this.
const MOST_ACTS: usize = 20;

/// Virtual time that a case may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(90 * 86_400);

/// Whether a file of this name and text is meant as a test file.
pub fn looks_like_tests(name: &str, text: &str) -> bool {
    let ending = [".test.yaml", ".test.yml"].iter().any(|ending| name.ends_with(ending));
    ending || text.lines().any(|line| line.starts_with("certplan_test:"))
}

/// What all cases of a file have in common.
struct Common<'n, 'p> {
    plan: &'p Plan,
    inputs: &'n [(Key, Node)],
    /// Whether those can be used at all; what is wrong with them is said once.
    inputs_fit: bool,
    scenario: Scenario,
    folder: &'p dyn Folder,
}

/// Decodes the tree. None when it is no test file, or when its plan cannot be read.
pub(super) fn decode(
    root: &Node,
    folder: &dyn Folder,
    decoder: &mut Decoder<'_>,
) -> Option<TestFile> {
    if root.kind == Kind::Null {
        decoder.push(
            Diagnostic::error("empty-file", "the file is empty")
                .at(Span::default(), "tests were expected here")
                .help("begin with `certplan_test: 1`, then `cases:`"),
        );
        return None;
    }
    let Kind::Map(entries) = &root.kind else {
        decoder.wrong_kind(root, "a test file", "a map");
        return None;
    };
    let start = entries.first().map_or(root.span, |(key, _)| key.span);
    check_version(entries, start, decoder)?;
    let fields = decoder.fields(root, start, "the test file", &FILE_KEYS)?;
    decoder.require(&fields, "cases", "list what shall be tried under `cases:`");
    decoder.text(&fields, "description");
    let (plan, plan_source) = decode_plan(&fields, start, folder, decoder)?;
    let inputs = input_entries(&fields, decoder);
    let common = Common {
        plan: &plan,
        inputs,
        inputs_fit: check_inputs(inputs, &plan, decoder),
        scenario: decode_scenario(&fields, folder, decoder).unwrap_or_default(),
        folder,
    };
    let cases = decode_cases(&fields, &common, decoder);
    Some(TestFile { plan: Arc::new(plan), plan_source, cases })
}

fn check_version(entries: &[(Key, Node)], start: Span, decoder: &mut Decoder<'_>) -> Option<()> {
    let Some((_, version)) = entries.iter().find(|(key, _)| key.name == "certplan_test") else {
        decoder.push(
            Diagnostic::error("missing-version", "the test file does not say its format version")
                .at(start, "`certplan_test: 1` is missing above")
                .suggest(
                    Span::new(start.start, start.start),
                    "certplan_test: 1\n",
                    "begin with it",
                ),
        );
        return Some(());
    };
    match version.kind {
        Kind::Integer(FORMAT_VERSION) => Some(()),
        Kind::Integer(newer) if newer > FORMAT_VERSION => {
            decoder.push(
                Diagnostic::error(
                    "newer-version",
                    format!("the test file is written in format version {newer}"),
                )
                .at(version.span, format!("this program knows version {FORMAT_VERSION}"))
                .help(format!("use a certplan that knows format version {newer}")),
            );
            None
        }
        _ => {
            decoder.push(
                Diagnostic::error("wrong-version", "this is no format version")
                    .at(version.span, format!("expected the number {FORMAT_VERSION}"))
                    .suggest(version.span, FORMAT_VERSION.to_string(), "write the number"),
            );
            Some(())
        }
    }
}

/// The plan that is tested: the one that is named, or the one whose name the file bears.
fn decode_plan(
    fields: &Fields<'_>,
    start: Span,
    folder: &dyn Folder,
    decoder: &mut Decoder<'_>,
) -> Option<(Plan, SourceFile)> {
    let named = match fields.get("plan") {
        Some(_) => Some(decoder.text(fields, "plan")?),
        None => None,
    };
    let Located { value: path, span } = match named {
        Some(named) => named,
        None => match plan_beside(decoder.file.name()) {
            Some(value) => Located { value, span: start },
            None => {
                decoder.push(
                    Diagnostic::error("missing-key", "the test file has no `plan`")
                        .at(start, "`plan` is missing here")
                        .help(
                            "name the plan, for example `plan: dv.yaml`, or call the file \
                             `dv.test.yaml`",
                        ),
                );
                return None;
            }
        },
    };
    let shown = printable(&path);
    let refuse = |message: String| Diagnostic::error("no-plan", message);
    let source = match folder.read(&path) {
        Ok(source) => source,
        Err(reason) => {
            decoder.push(
                refuse(format!("the plan `{shown}` cannot be read: {reason}"))
                    .at(span, "this file is to test it"),
            );
            return None;
        }
    };
    match parse_plan(&source) {
        Ok((plan, _)) => Some((plan, source)),
        Err(wrong) => {
            let mistakes = wrong.count(crate::document::Severity::Error);
            let first = wrong.entries().next();
            let place = first.map(|entry| format!("line {}: {}", entry.line, entry.message));
            let plural = if mistakes == 1 { "mistake" } else { "mistakes" };
            let diagnostic =
                refuse(format!("the plan `{shown}` cannot be run: {mistakes} {plural}"))
                    .at(span, place.unwrap_or_default());
            decoder.push(diagnostic.help("`certplan check` shows them all, with their places"));
            None
        }
    }
}

/// `dv.yaml` for `plans/dv.test.yaml`.
fn plan_beside(name: &str) -> Option<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    ["yaml", "yml"].iter().find_map(|ending| {
        let stem = name.strip_suffix(&format!(".test.{ending}"))?;
        (!stem.is_empty()).then(|| format!("{stem}.{ending}"))
    })
}

/// A scenario as it stands in the file, or in a file of its own.
fn decode_scenario(
    fields: &Fields<'_>,
    folder: &dyn Folder,
    decoder: &mut Decoder<'_>,
) -> Option<Scenario> {
    let (_, node) = fields.get("scenario")?;
    let Some(path) = node.as_str() else { return Scenario::decode(node, decoder) };
    let scenario = folder.read(path).and_then(|source| {
        Scenario::parse(&source).map_err(|wrong| {
            let first = wrong.entries().next();
            first.map_or_else(String::new, |at| format!("line {}: {}", at.line, at.message))
        })
    });
    scenario
        .map_err(|reason| {
            let shown = printable(path);
            decoder.push(
                Diagnostic::error(
                    "no-scenario",
                    format!("the scenario `{shown}` cannot be used: {reason}"),
                )
                .at(node.span, "this file")
                .help("write the scenario here, or name its file relative to this one"),
            );
        })
        .ok()
}

fn input_entries<'n>(fields: &Fields<'n>, decoder: &mut Decoder<'_>) -> &'n [(Key, Node)] {
    match fields.get("inputs") {
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        None | Some((_, Node { kind: Kind::Null, .. })) => &[],
        Some((_, node)) => {
            let help = "give each input by its name, for example `common_name: www.example.com`";
            decoder.wrong_kind_because(node, &fields.name_of("inputs"), "a map", Some(help));
            &[]
        }
    }
}

/// Reports inputs that the plan does not have, and values that do not fit. True when all are well.
fn check_inputs(entries: &[(Key, Node)], plan: &Plan, decoder: &mut Decoder<'_>) -> bool {
    let mut well = true;
    for (key, node) in entries {
        let name = printable(&key.name);
        if let Some(input) = plan.inputs.get(&key.name) {
            let what = format!("the input `{name}`");
            well &= explain_mismatches(node, &input.value_type, &what, decoder).is_some();
            continue;
        }
        well = false;
        let known = || plan.inputs.keys().map(String::as_str);
        let diagnostic = Diagnostic::error(
            "unknown-input",
            format!("the plan `{}` has no input `{name}`", plan.name),
        )
        .at(key.span, "unknown input");
        decoder.push(match nearest(&key.name, known()) {
            Some(near) => diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")),
            None if plan.inputs.is_empty() => diagnostic.help("it has none"),
            None => diagnostic.help(format!("inputs: {}", list(known()))),
        });
    }
    well
}

fn decode_cases(
    fields: &Fields<'_>,
    common: &Common<'_, '_>,
    decoder: &mut Decoder<'_>,
) -> Vec<Case> {
    let Some((key, node)) = fields.get("cases") else { return Vec::new() };
    let Kind::Seq(items) = &node.kind else {
        decoder.wrong_kind(node, "`cases`", "a list, each case beginning with `- name: …`");
        return Vec::new();
    };
    if items.is_empty() {
        decoder.push(
            Diagnostic::error("no-cases", "there is no case").at(key.span, "this list is empty"),
        );
    }
    if let Some(beyond) = items.get(MOST_CASES) {
        decoder.push(
            Diagnostic::error("out-of-range", format!("the file has {} cases", items.len()))
                .at(beyond.span, format!("a test file may have {MOST_CASES} at most")),
        );
    }
    let mut cases = Vec::new();
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (index, item) in items.iter().enumerate().take(MOST_CASES) {
        let Some((name, case)) = decode_case(item, index, common, decoder) else { continue };
        if let Some(first) = seen.insert(name.value.clone(), name.span) {
            decoder.push(
                Diagnostic::error(
                    "duplicate-case",
                    format!("two cases are called `{}`", name.value),
                )
                .at(name.span, "this name is taken")
                .also(first, "by this case")
                .help("say what is special about each"),
            );
        }
        cases.extend(case);
    }
    cases
}

/// The name of a case, and the case when all of it can be read.
fn decode_case(
    node: &Node,
    index: usize,
    common: &Common<'_, '_>,
    decoder: &mut Decoder<'_>,
) -> Option<(Located<String>, Option<Case>)> {
    let number = format!("case number {}", index + 1);
    let Kind::Map(entries) = &node.kind else {
        let help = "a case begins with its name, `- name: …`; below it stands `expect: …`";
        decoder.wrong_kind_because(node, &number, "a map", Some(help));
        return None;
    };
    let start = entries.first().map_or(node.span, |(key, _)| key.span);
    let name =
        entries.iter().find(|(key, _)| key.name == "name").and_then(|(_, node)| node.as_str());
    let what = match name {
        Some(name) => format!("case `{}`", shorten(&printable(name), 60)),
        None => number,
    };
    let fields = decoder.fields(node, start, &what, &CASE_KEYS)?;
    decoder.require(&fields, "name", "say what it shows, for example `name: a lost answer`");
    let name = decode_name(&fields, decoder);
    decoder.text(&fields, "description");
    let inputs = decode_inputs(&fields, start, common, decoder);
    let scenario = match fields.get("scenario") {
        Some(_) => decode_scenario(&fields, common.folder, decoder),
        None => Some(common.scenario.clone()),
    };
    let limit = decode_duration(&fields, "limit", decoder).unwrap_or(LIMIT);
    let kill_at = decode_kills(&fields, decoder);
    let expect = decode_expect(&fields, start, common.plan, decoder);
    let then = decode_acts(&fields, common.plan, decoder);
    let name = name?;
    let place = decoder.file.position(node_start(node, start).start);
    let case = inputs.zip(scenario).zip(expect).map(|((inputs, scenario), expect)| Case {
        name: name.value.clone(),
        place,
        inputs,
        scenario,
        limit,
        kill_at,
        expect,
        then,
    });
    Some((name, case))
}

fn node_start(node: &Node, first_key: Span) -> Span {
    if node.span.start == node.span.end { first_key } else { node.span }
}

fn decode_name(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    let name = decoder.text(fields, "name")?;
    let value = shorten(printable(&name.value).trim(), 120);
    if value.is_empty() {
        decoder.push(
            Diagnostic::error("bad-name", "the name of a case is empty")
                .at(name.span, "say what the case shows"),
        );
        return None;
    }
    Some(Located { value, span: name.span })
}

/// The inputs of a case, over those that all cases have in common.
fn decode_inputs(
    fields: &Fields<'_>,
    start: Span,
    common: &Common<'_, '_>,
    decoder: &mut Decoder<'_>,
) -> Option<Map<String, Value>> {
    let own = input_entries(fields, decoder);
    if !(check_inputs(own, common.plan, decoder) && common.inputs_fit) {
        return None;
    }
    let all = common.inputs.iter().chain(own);
    let given: Vec<(String, GivenValue)> =
        all.map(|(key, node)| (key.name.clone(), GivenValue::Value(node.to_value()))).collect();
    let errors = match resolve_inputs(common.plan, &given) {
        Ok(values) => return Some(values),
        Err(errors) => errors,
    };
    for error in errors {
        let place = |name: &str| {
            let mut entries = own.iter().chain(common.inputs);
            entries.find(|(key, _)| key.name == name).map(|(_, node)| node.span)
        };
        match &error {
            InputError::Missing { name, .. } => decoder.push(
                Diagnostic::error("missing-input", error.to_string())
                    .at(start, "this case does not give it")
                    .help(format!("add it: `inputs: {{ {name}: … }}`")),
            ),
            InputError::Invalid { name, .. } => decoder.push(
                Diagnostic::error("wrong-type", error.to_string())
                    .at(place(name).unwrap_or(start), "this value"),
            ),
            // Said before, with its place.
            InputError::Unknown { .. } => {}
        }
    }
    None
}

pub(super) fn decode_duration(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Duration> {
    let text = decoder.duration_text(fields, name)?;
    match parse_duration(&text.value) {
        Ok(duration) => Some(duration),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-duration", error.to_string())
                    .at(text.span, "this is no duration"),
            );
            None
        }
    }
}

fn decode_kills(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<KillAt> {
    let (_, node) = fields.get("kill_at")?;
    let what = fields.name_of("kill_at");
    let items = match &node.kind {
        Kind::String(_) => {
            return decoder
                .word_of(node, &what, &[("every_event", ())])
                .map(|()| KillAt::EveryEvent);
        }
        Kind::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut events = Vec::new();
    for item in items {
        match item.kind {
            Kind::Integer(number) if (1..=100_000).contains(&number) => {
                events.extend(u32::try_from(number));
            }
            _ => {
                let help =
                    "`every_event`, or the numbers of events as `certplan events` shows them";
                let expected = "the number of an event, from 1 on";
                decoder.wrong_kind_because(item, &what, expected, Some(help));
            }
        }
    }
    if items.is_empty() {
        decoder.push(
            Diagnostic::error("out-of-range", format!("{what} names no event"))
                .at(node.span, "this list is empty")
                .help("`every_event` kills it after each of them"),
        );
    }
    Some(KillAt::Events(events))
}

fn decode_expect(
    fields: &Fields<'_>,
    start: Span,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<Expectation> {
    match fields.get("expect") {
        Some((key, node)) if node.kind != Kind::Null => {
            decode_expectation(node, key.span, plan, decoder)
        }
        found => {
            // A slip of the name is reported as an unknown key.
            let known = found.is_some();
            if known || !fields.has_slip_of("expect") {
                decoder.push(
                    Diagnostic::error("no-expectation", "nothing is expected here")
                        .at(found.map_or(start, |(key, _)| key.span), "whatever happens is right")
                        .help(
                            "say at least how it ends, for example `expect: { outcome: issued }`",
                        ),
                );
            }
            None
        }
    }
}

fn decode_acts(fields: &Fields<'_>, plan: &Plan, decoder: &mut Decoder<'_>) -> Vec<Act> {
    let Some((_, node)) = fields.get("then") else { return Vec::new() };
    let items = match &node.kind {
        Kind::Seq(items) => items.as_slice(),
        Kind::Map(_) => std::slice::from_ref(node),
        _ => {
            decoder.wrong_kind(node, &fields.name_of("then"), "a list of resumptions");
            &[]
        }
    };
    if let Some(beyond) = items.get(MOST_ACTS) {
        decoder.push(
            Diagnostic::error("out-of-range", format!("the run is resumed {} times", items.len()))
                .at(beyond.span, format!("{MOST_ACTS} times at most")),
        );
    }
    let mut acts = Vec::new();
    for (index, item) in items.iter().enumerate().take(MOST_ACTS) {
        let start = match &item.kind {
            Kind::Map(entries) => entries.first().map_or(item.span, |(key, _)| key.span),
            _ => item.span,
        };
        let what = format!("resumption number {}", index + 1);
        let Some(fields) = decoder.fields(item, start, &what, &ACT_KEYS) else { continue };
        let after = decode_duration(&fields, "after", decoder).unwrap_or_default();
        let expect = decode_expect(&fields, start, plan, decoder);
        acts.extend(expect.map(|expect| Act { after, expect }));
    }
    acts
}
