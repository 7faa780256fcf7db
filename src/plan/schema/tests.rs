//! The schema and the parser agree: what the parser accepts, the schema accepts. The other way
//! round the differences are known and listed.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan_schema;
use crate::document::node::{Kind, Node};
use crate::document::{Diagnostics, SourceFile};
use crate::plan::{parse_plan, yaml};

const DV: &str = include_str!("../../../plans/dv.yaml");
const OV_STAGED: &str = include_str!("../../../plans/ov-staged.yaml");

/// Mistakes that only the parser sees: a schema knows shapes, not what names refer to.
const ONLY_THE_PARSER: &[&str] = &[
    "address_of_a_step",
    "capture_unknown",
    "choice_never_fits",
    "command_own_variables",
    "command_unusable",
    "comparison_never_true",
    "completed_after_the_wait",
    "csr_is_a_key",
    "csr_no_request",
    "cycle",
    "default_with_flag",
    "defaults_refused",
    "domain_wildcard_inside",
    "duplicate_step",
    "dynamic_lookup",
    "export_into_the_same_folder",
    "expression_types",
    "field_missing",
    "field_unknown",
    "fields_mixed_up",
    "file_protection",
    "file_twice",
    "filter_arguments",
    "filter_given_the_wrong_type",
    "filter_unknown",
    "finally_needed",
    "finally_orders",
    "finally_reissues",
    "finally_unguarded",
    "folder_twice",
    "ids_mixed_up",
    "ids_unusable",
    "input_empty_range",
    "input_enum_default",
    "input_pattern_bad",
    "input_pattern_mismatch",
    "input_unknown",
    "key_of_another_reissue",
    "key_of_another_request",
    "mail_to_nobody",
    "minus_in_name",
    "name_not_visible",
    "names_differ",
    "names_not_ordered",
    "names_of_no_ca",
    "names_of_private_networks",
    "needs_only_finally_alike",
    "needs_unknown",
    "on_failure_unguarded",
    "order_may_fail",
    "orders_two",
    "organization_by_two_names",
    "part_of_a_text",
    "poll_time_over",
    "proof_after_the_wait",
    "request_literal_secrets",
    "request_own_headers",
    "request_unsendable",
    "retry_delays",
    "run_field",
    "scalar_field",
    "schedule_no_day",
    "self_reference",
    "served_unusable",
    "several_in_one_parameter",
    "step_unknown",
    "target_fields",
    "template_choice_of_other_languages",
    "template_constant",
    "template_in_block_text",
    "template_item_type",
    "template_list_field",
    "template_macro",
    "template_method",
    "template_product",
    "template_record_field",
    "template_statement",
    "template_syntax",
    "template_test_unknown",
    "timeout_zero",
    "unguarded",
    "unguarded_by_another_condition",
    "validity_days_too_many",
    "values_refused",
    "when_assignment",
    "when_can_be_null",
    "when_not_boolean",
    "when_syntax",
];

fn validator() -> Validator {
    jsonschema::draft202012::new(&plan_schema()).unwrap()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The value that a YAML text stands for, when it is YAML without double keys.
fn value_of(file: &SourceFile) -> Option<Value> {
    let mut diagnostics = Diagnostics::new(file);
    let node = yaml::parse(file, &mut diagnostics)?;
    Some(node.to_value()).filter(|_| !diagnostics.has_errors())
}

fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    let at = |error: &jsonschema::ValidationError<'_>| error.instance_path().to_string();
    validator.iter_errors(value).map(|error| format!("{}: {error}", at(&error))).collect()
}

#[test]
fn the_schema_file_is_that_of_the_program() {
    let path = folder("schemas/plan.schema.json");
    let text = serde_json::to_string_pretty(&plan_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "schemas/plan.schema.json is stale: UPDATE_GOLDEN=1 writes it");
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&plan_schema()));
}

#[test]
fn every_plan_that_ships_fits_the_schema() {
    let validator = validator();
    for entry in fs::read_dir(folder("plans")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".test.yaml") {
            continue;
        }
        let file = SourceFile::from_bytes("plan.yaml", &fs::read(&path).unwrap()).unwrap();
        let wrong = complaints(&validator, &value_of(&file).unwrap());
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
}

#[test]
fn what_the_schema_overlooks_is_known() {
    let validator = validator();
    let (mut overlooked, mut wrongly_refused) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder("tests/fixtures/plans_invalid")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Ok(file) = SourceFile::from_bytes(&name, &fs::read(&path).unwrap()) else { continue };
        // What is no YAML never reaches a schema.
        let Some(value) = value_of(&file) else { continue };
        match (parse_plan(&file).is_ok(), validator.is_valid(&value)) {
            (true, false) => wrongly_refused.push(name),
            (false, true) => overlooked.push(name),
            _ => {}
        }
    }
    overlooked.sort();
    assert!(wrongly_refused.is_empty(), "{wrongly_refused:?}");
    assert_eq!(overlooked, ONLY_THE_PARSER);
}

#[test]
fn the_values_of_each_type_that_the_parser_accepts_fit_the_schema() {
    let validator = validator();
    for input in [
        json!({ "type": "string", "default": "", "pattern": "[a-z]*" }),
        json!({ "type": "integer", "default": -3, "minimum": -5, "maximum": 7 }),
        json!({ "type": "boolean", "default": false, "description": "x" }),
        json!({ "type": "domain", "default": "*.MÜNCHEN.example." }),
        json!({ "type": "domain", "default": "a。example" }),
        json!({ "type": "email", "default": "a+b@münchen.example" }),
        json!({ "type": "duration", "default": " 1h30m " }),
        json!({ "type": "path", "default": "/etc/..x/y" }),
        json!({ "type": "map", "default": { "a": [1, null] } }),
        json!({ "type": "list", "items": "domain", "default": ["a.example"] }),
        json!({ "type": "enum", "values": ["a", "b"], "default": "b" }),
    ] {
        let plan = json!({
            "certplan": 1,
            "name": "x",
            "inputs": { "a": input },
            "steps": [{
                "id": "k",
                "uses": "regfish.list_products",
                "with": { "sku": "RapidSSL{{ inputs.a if false else '' }}", "require": null },
            }],
        });
        let wrong = complaints(&validator, &plan);
        assert!(wrong.is_empty(), "{input}: {wrong:?}");
        let accepted = parse_plan(&SourceFile::new("plan.yaml", &plan.to_string()));
        assert!(accepted.is_ok(), "{input}");
    }
}

/// A value as an editor reads it: by the core schema of YAML 1.2 (10.3.2), where digits without
/// quotes are a number.
fn elsewhere(node: &Node, file: &SourceFile) -> Value {
    match &node.kind {
        Kind::Seq(items) => items.iter().map(|item| elsewhere(item, file)).collect(),
        Kind::Map(entries) => Value::Object(
            entries.iter().map(|(key, node)| (key.name.clone(), elsewhere(node, file))).collect(),
        ),
        Kind::String(text) if file.slice(node.span) == text => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            match text.trim_start_matches('+').parse::<i64>() {
                Ok(number) if is_number => json!(number),
                _ if is_number => json!(1e30),
                _ => json!(text),
            }
        }
        _ => node.to_value(),
    }
}

/// What an editor says against a plan that the parser has nothing against.
fn complaints_elsewhere(validator: &Validator, text: &str) -> Option<Vec<String>> {
    let file = SourceFile::new("plan.yaml", text);
    let (_, warnings) = parse_plan(&file).ok()?;
    if warnings.iter().any(|warning| warning.code == "unquoted-digits") {
        return None;
    }
    let node = yaml::parse(&file, &mut Diagnostics::new(&file))?;
    Some(complaints(validator, &elsewhere(&node, &file)))
}

#[test]
fn a_mode_without_quotes_is_doubted_and_one_with_quotes_is_fine_in_an_editor() {
    let text = include_str!("../../../tests/fixtures/plans_invalid/digits_unquoted.yaml");
    let validator = validator();
    assert_eq!(complaints_elsewhere(&validator, text), None);
    let quoted = ["0042", "01067", "0600"].iter().fold(text.to_owned(), |text, digits| {
        text.replace(&format!(" {digits}"), &format!(" \"{digits}\""))
    });
    let quoted = quoted.replace("0049_351_1234", "'0049_351_1234'");
    assert_eq!(complaints_elsewhere(&validator, &quoted), Some(Vec::new()));
}

/// One change to a plan, made of numbers so that it can shrink.
#[derive(Debug, Clone)]
struct Change {
    place: usize,
    kind: usize,
    value: usize,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..10_000_usize, 0..4_usize, 0..1_000_usize)
        .prop_map(|(place, kind, value)| Change { place, kind, value });
    prop::collection::vec(change, 1..4)
}

fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), all));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}

fn strange_value(seed: usize) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(199),
        json!(-7),
        json!(1.5),
        json!(""),
        json!("text"),
        json!("30s"),
        json!("a.example"),
        json!("a@b.example"),
        json!("../x"),
        json!("{{ inputs.common_name }}"),
        json!("{{ inputs.dns_names }}"),
        json!("{{ inputs.validity_days }}"),
        json!("x-{{ inputs.common_name }}"),
        json!("regfish.list_products"),
        json!("x509.create_csr"),
        json!("continue"),
        json!("batch"),
        json!([]),
        json!(["server", "timeout"]),
        json!(["key"]),
        json!(["a.example", "{{ inputs.common_name }}"]),
        json!({}),
        json!({ "env": "KEY" }),
        json!({ "type": "enum", "values": ["a"] }),
        json!({ "every": "1m" }),
        json!({ "attempts": 2, "on": ["server"] }),
    ];
    values[seed % values.len()].clone()
}

fn strange_key(seed: usize) -> &'static str {
    let keys = [
        "when",
        "needs",
        "retry",
        "poll",
        "timeout",
        "share",
        "on_failure",
        "with",
        "default",
        "minimum",
        "items",
        "values",
        "pattern",
        "type",
        "description",
        "env",
        "file",
        "base_url",
        "ttl",
        "require",
        "org_id",
        "key_type",
        "on",
        "unknown",
    ];
    keys[seed % keys.len()]
}

fn apply(plan: &mut Value, change: &Change) {
    let mut all = Vec::new();
    pointers(plan, "", &mut all);
    let pointer = all[change.place % all.len()].clone();
    match change.kind {
        0 => {
            if let Some(place) = plan.pointer_mut(&pointer) {
                *place = strange_value(change.value);
            }
        }
        1 => {
            if let Some(Value::Object(map)) = plan.pointer_mut(&pointer) {
                map.insert(strange_key(change.value).to_owned(), strange_value(change.value / 24));
            }
        }
        _ => {
            let Some((parent, key)) = pointer.rsplit_once('/') else { return };
            match plan.pointer_mut(parent) {
                Some(Value::Object(map)) => drop(map.shift_remove(key)),
                Some(Value::Array(items)) => {
                    let index: usize = key.parse().unwrap();
                    let item = items.remove(index);
                    if change.kind == 2 {
                        items.push(item);
                    }
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_the_parser_has_nothing_against_an_editor_accepts(
        digits in "[-+]?[0-9_]{1,9}|'[0-9]{1,5}'|0600|\"0600\"",
        place in 0..6_usize,
    ) {
        static VALIDATOR: std::sync::LazyLock<Validator> = std::sync::LazyLock::new(validator);
        let at = |index: usize, usual: &'static str| {
            if place == index { digits.clone() } else { usual.to_owned() }
        };
        let text = format!(
            "certplan: 1\nname: {}\ninputs:\n  a: {{ type: string, default: {} }}\n  b: {{ type: \
             enum, values: [x, {}], default: x }}\nsteps:\n  - id: a\n    uses: x509.export\n    \
             with:\n      from: a\n      directory: b\n      owner: {}\n      key_mode: {}\n      \
             keep: {}\n      formats: [{{ format: combined, file: \"{{{{ inputs.a }}}}-{{{{ inputs.b \
             }}}}\" }}]\n",
            at(0, "x"), at(1, "x"), at(2, "y"), at(3, "root"), at(4, "'0600'"), at(5, "3"),
        );
        if let Some(wrong) = complaints_elsewhere(&VALIDATOR, &text) {
            prop_assert!(wrong.is_empty(), "{wrong:?}\n{text}");
        }
    }

    #[test]
    fn what_the_parser_accepts_the_schema_accepts(ov in any::<bool>(), changes in changes()) {
        static VALIDATOR: std::sync::LazyLock<Validator> = std::sync::LazyLock::new(validator);
        let text = if ov { OV_STAGED } else { DV };
        let mut plan = value_of(&SourceFile::new("plan.yaml", text)).unwrap();
        for change in &changes {
            apply(&mut plan, change);
        }
        // JSON is YAML, so that the parser can read the changed plan.
        let written = plan.to_string();
        if parse_plan(&SourceFile::new("plan.yaml", &written)).is_ok() {
            let wrong = complaints(&VALIDATOR, &plan);
            prop_assert!(wrong.is_empty(), "{wrong:?}\n{plan:#}");
        }
    }
}
