//! Tests of the whole way from text to plan: the plans that ship, the mistakes that people make
//! (each with the exact words it gets), and texts that are meant to do harm.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::types::StepId;

const OV_STAGED: &str = include_str!("../../plans/ov-staged.yaml");
const DV: &str = include_str!("../../plans/dv.yaml");

fn plan(text: &str) -> Plan {
    match parse_plan(&SourceFile::new("plan.yaml", text)) {
        Ok((plan, warnings)) => {
            assert!(warnings.is_empty(), "{}", warnings.render(false));
            plan
        }
        Err(diagnostics) => panic!("{}", diagnostics.render(false)),
    }
}

fn errors(text: &str) -> String {
    match parse_plan(&SourceFile::new("plan.yaml", text)) {
        Ok(_) => panic!("the plan compiles:\n{text}"),
        Err(diagnostics) => diagnostics.render(false),
    }
}

/// A plan with one step that makes a key, and `more` after it.
fn with_key_step(more: &str) -> String {
    format!(
        "certplan: 1\nname: x\nsteps:\n  - id: key\n    uses: x509.create_csr\n    with: {{ \
         common_name: a.example }}\n{more}"
    )
}

#[test]
fn the_plans_that_ship_compile_without_a_word() {
    assert_eq!(plan(OV_STAGED).name, "ov-staged");
    assert_eq!(plan(DV).name, "dv");
}

#[test]
fn the_plans_that_ship_run_without_any_input() {
    for text in [OV_STAGED, DV] {
        let values = resolve_inputs(&plan(text), &[]).unwrap();
        assert_eq!(values["common_name"], "www.example.com");
    }
}

#[test]
fn plans_that_are_right_compile_without_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plans_valid");
    let files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        plan(&fs::read_to_string(file).unwrap());
    }
}

#[test]
fn references_and_needs_become_edges() {
    let plan = plan(OV_STAGED);
    let needs = |id: &str| -> Vec<String> {
        plan.steps[id].needs.iter().map(ToString::to_string).collect()
    };
    assert_eq!(needs("product"), Vec::<String>::new());
    assert_eq!(needs("order"), ["key", "organization", "product"]);
    assert_eq!(needs("complete"), ["order", "organization"]);
    assert_eq!(needs("validation"), ["complete", "order"]);
    assert_eq!(needs("certificate"), ["issued", "key"]);
    assert_eq!(plan.graph().unwrap().order().len(), plan.steps.len());
}

#[test]
fn what_is_not_said_has_its_default() {
    let text = with_key_step(
        "  - id: product\n    uses: regfish.list_products\n    with: { sku: RapidSSL }\n  - id: wait\n    \
         uses: regfish.wait_issued\n    with: { certificate_id: x }\n    poll: { every: 1m }\n    \
         retry: { attempts: 3 }\n    timeout: 30s\n",
    );
    let plan = plan(&text);
    let signature = find_signature("regfish.wait_issued").unwrap();
    let step = &plan.steps["wait"];
    let poll = step.poll.clone().unwrap();
    assert_eq!(poll.every.as_secs(), 60);
    assert_eq!(poll.timeout, signature.poll.as_ref().unwrap().timeout);
    assert_eq!(step.retry.attempts, 3);
    assert_eq!(step.retry.backoff, signature.retry.backoff);
    assert_eq!(step.timeout.as_secs(), 30);
    assert_eq!(plan.steps["key"].timeout.as_secs(), 120);
    assert_eq!(plan.steps["key"].poll, None);
    let connection = &plan.connections["regfish"];
    assert_eq!(connection.api_key, SecretSource::Env("REGFISH_API_KEY".to_owned()));
}

#[test]
fn values_are_told_apart_by_what_they_hold() {
    let text = with_key_step(
        "  - id: order\n    uses: regfish.create_order\n    with:\n      sku: \"a-{{ run.id }}\"\n      \
         common_name: a.example\n      dns_names: [b.example, \"{{ target }}\"]\n      csr: \"{{ \
         steps.key.csr }}\"\n      validity_days: 90\n",
    );
    let plan = plan(&text);
    let with = &plan.steps["order"].with;
    assert_eq!(with["sku"], Template::Text("a-{{ run.id }}".to_owned()));
    assert_eq!(with["csr"], Template::Expression("steps.key.csr".to_owned()));
    assert_eq!(with["validity_days"], Template::Literal(90.into()));
    assert_eq!(
        with["dns_names"],
        Template::List(vec![
            Template::Literal("b.example".into()),
            Template::Expression("target".to_owned()),
        ])
    );
}

#[test]
fn a_plan_survives_being_stored() {
    for text in [OV_STAGED, DV] {
        let plan = plan(text);
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
    }
}

#[test]
fn a_field_of_a_skipped_step_may_be_read_behind_a_guard() {
    let order = "  - id: order\n    uses: regfish.create_order\n    with: { sku: RapidSSL, common_name: \
                 a.example, csr: \"{{ steps.key.csr }}\" }\n  - id: complete\n    uses: \
                 regfish.complete_order\n    when: steps.order.action_required\n    with: { \
                 certificate_id: \"{{ steps.order.certificate_id }}\", org_id: x }\n";
    let read = "  - id: last\n    uses: regfish.wait_issued\n";
    for guarded in [
        "    with: { certificate_id: \"{{ steps.complete.certificate_id | default(target) }}\" }\n",
        "    with: { certificate_id: \"{{ steps.complete.certificate_id if \
         steps.complete.certificate_id is defined else target }}\" }\n",
        "    with: { certificate_id: \"{{ steps.complete.certificate_id if \
         steps.complete.status is defined else target }}\" }\n",
        "    when: steps.order.action_required\n    with: { certificate_id: \"{{ \
         steps.complete.certificate_id }}\" }\n",
        "    needs: [complete]\n    with: { certificate_id: x }\n",
    ] {
        plan(&with_key_step(&format!("{order}{read}{guarded}")));
    }
    for unguarded in [
        "    with: { certificate_id: \"{{ steps.complete.certificate_id }}\" }\n",
        "    when: not steps.order.action_required\n    with: { certificate_id: \"{{ \
         steps.complete.certificate_id }}\" }\n",
        "    when: steps.complete.action_required\n    with: { certificate_id: x }\n",
        "    with: { certificate_id: \"{{ steps.complete.certificate_id }}{% if \
         steps.complete.certificate_id is defined %}!{% endif %}\" }\n",
        "    with: { certificate_id: \"{{ steps.complete.certificate_id if \
         steps.complete.certificate_id is not defined else target }}\" }\n",
    ] {
        let text = errors(&with_key_step(&format!("{order}{read}{unguarded}")));
        assert!(text.contains("error[unguarded]"), "{text}");
    }
}

#[test]
fn a_reference_in_any_place_of_a_template_makes_an_edge() {
    for template in [
        "{{ steps.key.names[0:2] | join }}",
        "{% for name in steps.key.names %}{{ name }}{% endfor %}",
        "{{ target | default(steps.key.csr) }}",
        "{% if steps.key.csr is defined %}x{% endif %}",
        "{{ {'a': [steps.key.csr]}['a'][0] }}",
    ] {
        let plan = plan(&with_key_step(&format!(
            "  - id: last\n    uses: regfish.list_products\n    with: {{ sku: \"{template}\" }}\n"
        )));
        assert!(plan.steps["last"].needs.contains(&StepId::parse("key").unwrap()), "{template}");
    }
}

#[test]
fn byte_order_marks_and_carriage_returns_do_no_harm() {
    let text = format!("\u{feff}{}", OV_STAGED.replace('\n', "\r\n"));
    let file = SourceFile::from_bytes("plan.yaml", text.as_bytes()).unwrap();
    assert_eq!(parse_plan(&file).unwrap().0, plan(OV_STAGED));
}

#[test]
fn mistakes_are_plain_data_for_machines_too() {
    let text = with_key_step("    nedes: []\n");
    let diagnostics = parse_plan(&SourceFile::new("plan.yaml", &text)).unwrap_err();
    let entries: Vec<crate::document::Entry<'_>> = diagnostics.entries().collect();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].code, entries[0].line, entries[0].column), ("unknown-key", 7, 5));
    assert_eq!((entries[0].end_line, entries[0].end_column), (7, 10));
    assert_eq!(entries[0].help, ["did you mean `needs`?"]);
}

#[test]
fn a_key_in_the_plan_is_never_shown() {
    let secret = "rf_live_0123456789abcdef";
    for connections in [
        format!("regfish: {{ api_key: {secret} }}"),
        format!("regfish: {{ api_key: \"{secret}\", base_url: 7 }}"),
        format!("regfish: {secret}"),
        format!("regfish:\n    api_key: {secret}\n    nope: 1"),
        format!("regfish:\n    api_key: |\n      {secret}\n"),
        format!("regfish:\n    api_key: [{secret}]"),
        format!("regfish:\n    api_key: {{ env: {secret} }}"),
        format!("regfish:\n    api_key: {{ value: {secret} }}"),
        format!("regfish:\n    apikey: {secret}"),
        format!("regfish:\n    token: {secret}"),
        format!("other:\n    api_key: {secret}"),
        format!("regfish:\n    api_key: {secret}: x: y"),
        format!("regfish:\n    api_key: {secret}\n    api_key: {secret}"),
        format!("regfish:\n    api_key: !key {secret}"),
    ] {
        let text = errors(&with_key_step(&format!("connections:\n  {connections}\n")));
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn every_mistake_has_its_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plans_invalid");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 120, "only {} fixtures", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = SourceFile::from_bytes(&name, &fs::read(&path).unwrap())
            .and_then(|file| parse_plan(&file));
        let found = match outcome {
            // A fixture may show a warning alone.
            Ok((_, warnings)) => {
                assert!(!warnings.is_empty(), "{name} has no mistake");
                warnings.render(false)
            }
            Err(diagnostics) => diagnostics.render(false),
        };
        let expected = path.with_extension("stderr");
        if update {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("--- {name}\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "set UPDATE_GOLDEN=1 if this is right:\n{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,400}") {
        let file = SourceFile::new("plan.yaml", &text);
        if let Err(diagnostics) = parse_plan(&file) {
            let _ = diagnostics.render(false);
            let _ = diagnostics.entries().count();
        }
    }

    #[test]
    fn no_change_to_a_good_plan_makes_the_parser_panic(
        at in 0..OV_STAGED.len(),
        length in 0..40usize,
        insert in "[-:{}\\[\\]\"'|>&*!%#@`,.?a-z0-9 \n\t\u{e4}]{0,12}",
    ) {
        let start = OV_STAGED.floor_char_boundary(at);
        let end = OV_STAGED.floor_char_boundary((start + length).min(OV_STAGED.len()));
        let text = format!("{}{insert}{}", &OV_STAGED[..start], &OV_STAGED[end..]);
        if let Err(diagnostics) = parse_plan(&SourceFile::new("plan.yaml", &text)) {
            let _ = diagnostics.render(true);
            let _ = diagnostics.entries().count();
        }
    }

    #[test]
    fn no_template_makes_the_parser_panic(code in "[-a-z0-9.|()\\[\\]{}'%#*+~,:= \u{e4}]{0,40}") {
        let with = serde_json::Value::String(format!("{{{{ {code} }}}}"));
        let text = with_key_step(&format!("  - {{ id: a, uses: regfish.list_products, when: {with}, with: {{ sku: {with} }} }}\n"));
        if let Err(diagnostics) = parse_plan(&SourceFile::new("plan.yaml", &text)) {
            let _ = diagnostics.render(false);
        }
    }
}
