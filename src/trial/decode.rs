//! Reading a test file: its version, its plan, its cases. Each part has a file of its own below;
//! the plan and the scenarios that it names are read through [`Folder`].

mod case;
mod expectation;
mod imitation;
mod inputs;
mod named_files;
mod outputs;
mod value;
mod world;

use std::collections::HashMap;
use std::sync::Arc;

use self::case::decode_case;
use self::imitation::decode_imitations;
use self::inputs::{check_inputs, input_entries};
use self::named_files::{decode_plan, decode_scenario};
use super::Folder;
use super::imitation::Imitations;
use super::model::{Case, TestFile};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::plan::Plan;
use crate::sandbox::Scenario;

/// The version of the format that this program knows.
const FORMAT_VERSION: i64 = 1;

const FILE_KEYS: [&str; 7] =
    ["certplan_test", "plan", "description", "inputs", "scenario", "imitate", "cases"];

/// More cases than this in one file are a mistake.
const MOST_CASES: usize = 1_000;

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
    imitate: Imitations,
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
        imitate: decode_imitations(&fields, &plan, decoder),
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
