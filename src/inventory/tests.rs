//! Tests of the whole way from files to targets, and of the mistakes that people make, each with the
//! exact words it gets.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::document::{Diagnostics, FileLimits, Severity, SourceFile, yaml};
use crate::plan::parse_plan;

/// A plan with inputs of many kinds.
const SHOP: &str = include_str!("../../tests/fixtures/inventories_valid/shop.yaml");
/// One whose steps refuse some values that its inputs would take.
const REFUSING: &str = include_str!("../../tests/fixtures/inventories_valid/refusing.yaml");
const WILDCARD: &str = include_str!("../../plans/dv-wildcard.yaml");
const DV: &str = include_str!("../../plans/dv.yaml");

fn plans() -> Plans {
    static PLANS: LazyLock<Plans> = LazyLock::new(compiled_plans);
    PLANS.clone()
}

fn compiled_plans() -> Plans {
    let ready = |text| match parse_plan(&SourceFile::new("plan.yaml", text)) {
        Ok((plan, _)) => KnownPlan::Ready(plan.into()),
        Err(wrong) => panic!("{}", wrong.render(false)),
    };
    let refused = |reason: &str, meant: Option<&str>| KnownPlan::Refused {
        reason: reason.to_owned(),
        meant: meant.map(Into::into),
    };
    let known = [
        ("shop.yaml", ready(SHOP)),
        ("refusing.yaml", ready(REFUSING)),
        ("dv.yaml", ready(DV)),
        ("wildcard.yaml", ready(WILDCARD)),
        ("broken.yaml", refused("it has mistakes of its own", None)),
        ("ov.yml", refused("it cannot be read: not found", Some("plans/ov.yaml"))),
    ];
    let known = known.map(|(path, plan)| (PlanPath::new(Path::new(path)), plan)).into();
    Plans { known, fallback: None, required: true }
}

fn parse(name: &str, text: &str) -> InventoryFile {
    InventoryFile::parse(&SourceFile::new(name, text), Format::of(Path::new(name)))
}

fn put_together(files: &[(&str, &str)]) -> Resolution {
    resolve(files.iter().map(|(name, text)| parse(name, text)).collect(), &plans())
}

fn rendered(resolution: &Resolution) -> String {
    resolution.found.iter().map(|found| found.render(false)).collect()
}

fn inventory(files: &[(&str, &str)]) -> Inventory {
    let resolution = put_together(files);
    assert!(!resolution.has_errors(), "{}", rendered(&resolution));
    resolution.inventory
}

fn input(inventory: &Inventory, target: usize, name: &str) -> Value {
    inventory.targets[target].inputs()[name].clone()
}

#[test]
fn the_target_counts_before_its_group_and_that_before_the_defaults_and_the_plan() {
    let text = "certplan_inventory: 1
plan: shop.yaml
defaults: { organization: default, validity_days: 100, key_type: rsa-2048 }
groups:
  shops: { inputs: { organization: group, validity_days: 90 } }
targets:
  a.example:
  b.example: { groups: [shops] }
  c.example: { groups: [shops], inputs: { validity_days: 30 } }
";
    let inventory = inventory(&[("i.yaml", text)]);
    let told = [0, 1, 2].map(|target| {
        ["organization", "validity_days", "key_type", "ticket"]
            .map(|name| input(&inventory, target, name))
    });
    assert_eq!(
        json!(told),
        json!([
            ["default", 100, "rsa-2048", "OPS-1"],
            ["group", 90, "rsa-2048", "OPS-1"],
            ["group", 30, "rsa-2048", "OPS-1"],
        ])
    );
}

#[test]
fn a_target_that_is_called_by_its_domain_needs_no_common_name() {
    let text = "certplan_inventory: 1
plan: dv.yaml
defaults: { common_name: shared.example }
targets:
  WWW.Münch.example: { inputs: { dns_names: [b.example, a.example] } }
  second: { inputs: { common_name: c.example } }
  \"*.wild.example\":
";
    let inventory = inventory(&[("i.yaml", text)]);
    let names = [0, 1, 2].map(|target| input(&inventory, target, "common_name"));
    assert_eq!(json!(names), json!(["www.xn--mnch-0ra.example", "c.example", "*.wild.example"]));
    let sorted: Vec<&str> = inventory.targets[0].names.iter().map(|name| name.as_str()).collect();
    assert_eq!(sorted, ["a.example", "b.example", "www.xn--mnch-0ra.example"]);
    assert_eq!(inventory.place_of(&inventory.targets[1]), "i.yaml:6:3");
}

#[test]
fn files_are_one_inventory_and_share_their_groups() {
    let groups = "certplan_inventory: 1\ngroups:\n  shops: { plan: shop.yaml, inputs: { organization: x } }\n";
    let table = "target;groups\na.example;shops\n";
    let inventory = inventory(&[("i.csv", table), ("groups.yaml", groups)]);
    assert_eq!(inventory.targets[0].plan.as_ref().map(ToString::to_string).unwrap(), "shop.yaml");
    assert_eq!(input(&inventory, 0, "organization"), json!("x"));
    assert_eq!(inventory.groups.len(), 1);
}

#[test]
fn a_table_is_read_by_the_types_of_the_plan() {
    let text = "target,organization,dns_names,validity_days,urgent,plan\n\
                a.example,\"Example, \"\"Inc\"\"\",b.example | c.example,90,TRUE,shop.yaml\r\n\
                # a comment\n\n\
                d.example,x,,,,shop.yaml";
    let inventory = inventory(&[("i.csv", text)]);
    assert_eq!(input(&inventory, 0, "organization"), json!("Example, \"Inc\""));
    assert_eq!(input(&inventory, 0, "dns_names"), json!(["b.example", "c.example"]));
    assert_eq!(input(&inventory, 0, "validity_days"), json!(90));
    assert_eq!(input(&inventory, 0, "urgent"), json!(true));
    assert_eq!(input(&inventory, 1, "dns_names"), json!([]));
    assert_eq!(input(&inventory, 1, "validity_days"), json!(199));
}

#[test]
fn a_list_has_one_domain_per_line() {
    let file = parse("list.txt", "# ours\na.example\n\n  B.example. # second\r\n*.c.example");
    let plans = Plans { fallback: Some(PlanPath::new(Path::new("./dv.yaml"))), ..plans() };
    let resolution = resolve(vec![file], &plans);
    assert!(!resolution.has_errors(), "{}", rendered(&resolution));
    let names = [0, 1, 2].map(|target| input(&resolution.inventory, target, "common_name"));
    assert_eq!(json!(names), json!(["a.example", "b.example", "*.c.example"]));
}

#[test]
fn a_plan_is_found_from_where_its_inventory_stands() {
    let text = "certplan_inventory: 1\nplan: ./plans/dv.yaml\ntargets: { a.example: }\n";
    let paths = parse("all/i.yaml", text).plans();
    let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["all/plans/dv.yaml"]);
}

#[test]
fn a_target_without_a_plan_is_a_mistake_only_when_it_is_to_be_run() {
    let files = || vec![parse("list.txt", "a.example\na.example\n")];
    let resolution = resolve(files(), &Plans { required: false, ..plans() });
    assert_eq!(resolution.found[0].count(Severity::Error), 1, "{}", rendered(&resolution));
    let resolution = resolve(files(), &plans());
    assert_eq!(resolution.found[0].count(Severity::Error), 2, "{}", rendered(&resolution));
}

#[test]
fn a_key_in_an_inventory_is_never_shown() {
    let secret = "rf_live_0123456789abcdef";
    let head = "certplan_inventory: 1\nplan: dv.yaml\n";
    for (name, text) in [
        (
            "i.yaml",
            format!("{head}targets: {{ a.example: {{ inputs: {{ api_key: {secret} }} }} }}\n"),
        ),
        ("i.yaml", format!("{head}defaults: {{ token: {secret} }}\ntargets: {{ a.example: }}\n")),
        ("i.yaml", format!("{head}api_key: {secret}\ntargets: {{ a.example: }}\n")),
        ("i.yaml", format!("{head}targets: {{ a.example: {{ api_key: {secret} }} }}\n")),
        ("i.csv", format!("target,plan,api_key\na.example,dv.yaml,{secret}\n")),
    ] {
        let resolution = put_together(&[(name, &text), ("other.txt", "a.example\n")]);
        let text = rendered(&resolution);
        assert!(text.contains("error[") && !text.contains(secret), "{text}");
    }
}

/// A fixture is a file, or a folder of files that are one inventory.
fn fixture(path: &Path) -> Vec<InventoryFile> {
    let mut paths: Vec<PathBuf> = match path.is_dir() {
        true => fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect(),
        false => vec![path.to_owned()],
    };
    paths.sort();
    let parse = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(path).unwrap();
        match SourceFile::from_bytes_within(&name, &bytes, FileLimits::INVENTORY) {
            Ok(source) => InventoryFile::parse(&source, Format::of(path)),
            Err(found) => InventoryFile::unreadable(found),
        }
    };
    paths.iter().map(parse).collect()
}

#[test]
fn every_mistake_has_its_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventories_invalid");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "stderr"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 40, "only {} fixtures", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = rendered(&resolve(fixture(&path), &plans()));
        assert!(!found.is_empty(), "{name} has no mistake");
        let expected = folder.join(format!("{name}.stderr"));
        if update {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("--- {name}\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "set UPDATE_GOLDEN=1 if this is right:\n{}", wrong.join("\n"));
}

#[test]
fn more_mistakes_than_anybody_reads_are_counted() {
    let mut text = "certplan_inventory: 1\nplan: dv.yaml\ntargets:\n".to_owned();
    for number in 0..1_000 {
        text.push_str(&format!("  a{number}.example: {{ inputs: {{ nope{number}: 1 }} }}\n"));
    }
    let resolution = put_together(&[("i.yaml", &text)]);
    assert_eq!(resolution.found[0].count(Severity::Error), 1_000);
}

/// Mistakes that only the parser sees: a schema knows shapes, not plans and what names refer to.
const ONLY_THE_PARSER: &[&str] = &[
    "common_name_missing",
    "default_unknown",
    "default_unknown_beside_a_plan",
    "folder_shared",
    "group_contradiction",
    "group_contradiction_plan",
    "group_named_like_a_target",
    "group_none",
    "group_unknown",
    "group_unused",
    "input_missing",
    "input_types",
    "input_unknown",
    "names_hardly_meant",
    "names_of_no_ca",
    "names_too_long_or_many",
    "plan_ending",
    "plan_missing",
    "plan_missing_for_several",
    "plan_unknown",
    "plan_with_mistakes",
    "product_misspelt",
    "same_names",
    "values_refused",
];

fn complaints(text: &str) -> Option<Vec<String>> {
    static VALIDATOR: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft202012::new(&inventory_schema()).unwrap());
    let file = SourceFile::new("i.yaml", text);
    let mut diagnostics = Diagnostics::new(&file);
    // What is no YAML, or has a key twice, never reaches a schema.
    let value = yaml::parse(&file, &mut diagnostics)?.to_value();
    let complaints = VALIDATOR.iter_errors(&value);
    let complaints = complaints.map(|error| format!("{}: {error}", error.instance_path()));
    let complaints: Vec<String> = complaints.collect();
    (!diagnostics.has_errors()).then_some(complaints)
}

#[test]
fn the_schema_file_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/inventory.schema.json");
    let text = serde_json::to_string_pretty(&inventory_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "schemas/inventory.schema.json is stale: UPDATE_GOLDEN=1 writes it");
    assert!(jsonschema::draft202012::meta::is_valid(&inventory_schema()));
}

#[test]
fn what_the_schema_overlooks_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inventories_invalid");
    let mut overlooked = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_some_and(|ending| ending == "yaml")
            && complaints(&text).is_some_and(|complaints| complaints.is_empty())
        {
            overlooked.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    overlooked.sort();
    assert_eq!(overlooked, ONLY_THE_PARSER);
}

#[test]
fn targets_that_prove_their_names_at_one_place_are_told_to_take_turns() {
    let text = "certplan_inventory: 1
plan: dv.yaml
defaults: { product: RapidSSLWildcard }
targets:
  www.example.com:
  other.example.net:
  shop.example.com: { inputs: { dns_names: [\"*.shop.example.com\"] } }
  a.b.example.co.uk:
  example.co.uk:
  x.github.io:
  y.github.io:
";
    let resolution = put_together(&[("i.yaml", text)]);
    assert!(!resolution.has_errors());
    let warnings: Vec<&str> =
        resolution.found[0].iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "2 targets prove their names at `_dnsauth.example.com` and take turns",
            "2 targets prove their names at `_dnsauth.example.co.uk` and take turns",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_the_parser_accepts_the_schema_accepts(
        key in "[a-z.*@+-]{1,6}|plan|groups|inputs|all",
        value in r#"|\{\}|\[\]|\[s\]|s|dv.yaml|1|true|\{ validity_days: 9 \}|\{ inputs: \{ \} \}|\{ groups: \[s\] \}|\{ plan: dv.yaml, groups: \}"#,
        place in 0..5_usize,
    ) {
        let key = match key.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => key,
            false => format!("'{key}'"),
        };
        let entry = |at: usize| if at == place { format!("{key}: {value}") } else { String::new() };
        let text = format!(
            "certplan_inventory: 1\nplan: dv.yaml\ndefaults:\n  {}\ngroups:\n  s:\n  {}\n\
             targets:\n  a.example:\n    {}\n  {}\n{}\n",
            entry(0), entry(1), entry(2), entry(3), entry(4),
        );
        let resolution = put_together(&[("i.yaml", &text)]);
        if !resolution.has_errors() {
            prop_assert_eq!(complaints(&text), Some(Vec::new()), "{}", text);
        }
    }
}

proptest! {
    #[test]
    fn no_table_makes_the_parser_panic(text in "[a-c.,;|\"'#\t\r\n \u{e4}]{0,200}") {
        for head in ["", "target,plan,groups,dns_names\n", "target;dns_names\n"] {
            let _ = rendered(&put_together(&[("i.csv", &format!("{head}{text}"))]));
        }
    }

    #[test]
    fn no_list_makes_the_parser_panic(text in ".{0,200}") {
        let _ = rendered(&put_together(&[("i.txt", &text)]));
    }

    #[test]
    fn no_yaml_makes_the_parser_panic(text in "[a-d:{}\\[\\], \n\"*&]{0,100}") {
        for head in ["", "certplan_inventory: 1\n", "certplan_inventory: 1\ntargets:\n  "] {
            let _ = rendered(&put_together(&[("i.yaml", &format!("{head}{text}"))]));
        }
    }
}
