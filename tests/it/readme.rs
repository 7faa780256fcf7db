//! What the README shows is what the program does.

use std::path::Path;

use crate::harness::Project;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The blocks of one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut parts = text.split("```");
    let mut blocks = Vec::new();
    // Between the fences: prose, block, prose, block …
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        if let Some(block) = block.strip_prefix(&format!("{language}\n")) {
            blocks.push(block.to_owned());
        }
    }
    blocks
}

/// The marks and step names of progress lines, which are the same in every run.
fn progress(text: &str) -> Vec<String> {
    let marks = ['✓', '…', '!', '✗', '‖', '?', '-'];
    let lines = text
        .lines()
        .filter(|line| line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(marks)));
    lines.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_first_command_does_what_the_readme_shows() {
    let shown = blocks("console").remove(0);
    let command = shown.lines().next().unwrap();
    let arguments = command.strip_prefix("$ cargo run --release -- ").unwrap();
    let project = Project::new();
    let arguments: Vec<String> = arguments
        .split(' ')
        .map(|word| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(word);
            if path.exists() { path.to_str().unwrap().to_owned() } else { word.to_owned() }
        })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let finished = project.run(&arguments).expect_code(0);
    assert_eq!(progress(&finished.stderr), progress(&shown));
    let names = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.len() > 17 && !line.starts_with([' ', '$']));
        let rows = rows.filter(|line| line.as_bytes()[17] == b' ');
        rows.map(|line| line[..17].trim().to_owned()).collect()
    };
    let result = shown.split("\n\n").last().unwrap();
    assert_eq!(names(&finished.stdout), names(result));
}

#[test]
fn the_mistake_in_the_readme_is_reported_as_shown() {
    let shown = blocks("console").into_iter().find(|block| block.contains("error[")).unwrap();
    let (command, expected) = shown.split_once('\n').unwrap();
    let mut plan = blocks("yaml").remove(0);
    let project = Project::new();
    project.write("small.yaml", &plan);
    let arguments: Vec<&str> = command.strip_prefix("$ certplan ").unwrap().split(' ').collect();
    let _ = project.run(&arguments).expect_code(0);

    let wrong = expected.lines().find(|line| line.contains("with:")).unwrap();
    let wrong = wrong.split_once('|').unwrap().1;
    plan.push_str("  - id: issued\n    uses: regfish.wait_issued\n");
    plan.push_str(wrong.strip_prefix(' ').unwrap());
    plan.push('\n');
    project.write("small.yaml", &plan);
    let finished = project.run(&arguments).expect_code(2);
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    assert_eq!(lines(&finished.stderr), lines(expected));
}

#[test]
fn the_table_of_plans_lists_every_plan() {
    let text = readme();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_test = name.ends_with(".test.yaml");
        assert!(
            is_test || text.contains(&format!("(plans/{name})")),
            "{name} is not in the README"
        );
    }
}

#[test]
fn the_table_of_commands_lists_every_command() {
    let help = Project::new().run(&["--help"]).expect_code(0).stdout;
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next());
    let text = readme();
    for command in commands.filter(|command| *command != "help") {
        let listed = text.contains(&format!("| `certplan {command}"));
        assert!(listed, "`{command}` is not in the README");
    }
}
