//! What `docs/inventory.md` shows is what the program reads.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Finished, Project};

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inventory.md");
    std::fs::read_to_string(path).unwrap()
}

/// The blocks of one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let text = manual();
    let blocks = text.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n")));
    blocks.map(str::to_owned).collect()
}

/// A project with the shipped plans.
fn project() -> Project {
    let project = Project::new();
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    std::fs::create_dir(project.path().join("plans")).unwrap();
    for entry in std::fs::read_dir(plans).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), project.path().join("plans").join(entry.file_name())).unwrap();
    }
    project
}

fn previewed(finished: &Finished) -> Vec<String> {
    let targets = finished.json()["targets"].as_array().unwrap().clone();
    targets.iter().map(|target| target["target"].as_str().unwrap().to_owned()).collect()
}

fn check(project: &Project, files: &[&str]) -> Finished {
    let files = files.iter().flat_map(|file| ["--inventory", *file]);
    let arguments: Vec<&str> = ["check"].into_iter().chain(files).collect();
    project.run(&arguments).expect_code(0)
}

#[test]
fn every_inventory_of_the_manual_is_one() {
    let yaml = blocks("yaml");
    assert_eq!(yaml.len(), 3, "{yaml:#?}");
    for text in &yaml[..2] {
        let project = project();
        project.write("inventory.yaml", text);
        let _ = check(&project, &["inventory.yaml"]);
    }
    let project = project();
    project.write("groups.yaml", &yaml[2]);
    project.write("targets.csv", blocks("csv").remove(0));
    let _ = check(&project, &["groups.yaml", "targets.csv"]);
}

#[test]
fn the_list_of_the_manual_runs_with_the_plan_beside_it() {
    let project = project();
    project.write("shops.txt", blocks("text").remove(0));
    let commands = blocks("console").remove(0);
    for command in commands.lines() {
        let words: Vec<&str> = command.strip_prefix("$ certplan ").unwrap().split(' ').collect();
        let words = [words.as_slice(), &["--sandbox", "--output", "json"]].concat();
        let finished = project.run(&words).expect_code(0);
        assert_eq!(previewed(&finished), ["www.example.com", "shop.example.net"], "{finished}");
    }
}

#[test]
fn the_patterns_of_the_manual_pick_what_it_says() {
    let project = project();
    project.write("inventory.yaml", &blocks("yaml")[0]);
    let text = manual();
    let section = text.split("## Which targets are meant").nth(1).unwrap();
    let rows: Vec<(&str, Vec<&str>)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let mut words = row.split('`').step_by(2);
            (words.next().unwrap(), words.collect())
        })
        .collect();
    assert!(rows.len() >= 6, "{rows:?}");
    for (pattern, mut expected) in rows {
        let arguments = ["preview", "--inventory", "inventory.yaml", "--sandbox", "-o", "json"];
        let finished =
            project.run(&[&arguments[..], &["--limit", pattern]].concat()).expect_code(0);
        let mut found = previewed(&finished);
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{pattern}");
    }
}

#[test]
fn the_terms_of_the_manual_are_those_of_its_comments() {
    let (project, text) = (project(), blocks("yaml").remove(1));
    project.write("inventory.yaml", &text);
    let arguments = ["preview", "--inventory", "inventory.yaml", "--sandbox", "-o", "json"];
    let targets = project.run(&arguments).expect_code(0).json()["targets"].clone();
    let days = |target: &Value| target["inputs"]["validity_days"].as_u64().unwrap();
    let found: Vec<u64> = targets.as_array().unwrap().iter().map(days).collect();
    let told: Vec<u64> = text
        .lines()
        .filter_map(|line| line.split("# ").nth(1)?.strip_suffix(" days")?.parse().ok())
        .collect();
    assert_eq!(found, told);
    assert_eq!(told.len(), 3);
}
