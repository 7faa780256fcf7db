//! The rooms keep their doors: which module may use which, and what pure modules must not touch.
//!
//! Layers inside one crate do not hold by goodwill; this test reads the source and fails on an edge
//! that is not in the table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module and what it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("graph", &["types"]),
    ("document", &["types"]),
    ("plan", &["types", "graph", "document"]),
    ("inventory", &["types", "document", "plan"]),
    ("run", &["types"]),
    ("engine", &["types", "document", "plan", "graph", "run"]),
    ("upkeep", &["types", "document", "plan", "run", "engine"]),
    ("files", &["types"]),
    ("store", &["types", "run"]),
    ("api", &["types"]),
    ("pki", &["types"]),
    ("dns", &["types"]),
    ("tls", &["types"]),
    ("secrets", &["types", "plan"]),
    ("action", &["types", "plan", "run", "api", "pki", "dns", "tls", "secrets", "files"]),
    ("driver", &["types", "plan", "engine", "run", "store", "action"]),
    ("report", &["types", "run"]),
    ("sandbox", &["types", "document"]),
    ("trial", &["types", "document", "plan", "run", "sandbox"]),
    (
        "rehearsal",
        &[
            "types", "document", "run", "engine", "store", "api", "pki", "dns", "action", "driver",
            "sandbox", "trial",
        ],
    ),
    (
        "cli",
        &[
            "types",
            "graph",
            "document",
            "plan",
            "inventory",
            "run",
            "engine",
            "upkeep",
            "files",
            "store",
            "api",
            "pki",
            "dns",
            "tls",
            "secrets",
            "action",
            "driver",
            "report",
            "sandbox",
            "upkeep",
            "trial",
            "rehearsal",
        ],
    ),
];

/// Modules that decide and do nothing.
const PURE: &[&str] =
    &["graph", "document", "plan", "inventory", "run", "engine", "upkeep", "trial"];

/// What a pure module must not mention.
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "rusqlite",
    "std::fs",
    "std::env",
    "std::net",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "println!",
    "uuid::",
];

struct Source {
    module: String,
    path: PathBuf,
    /// Without comments and without unit tests, which may read fixtures.
    code: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let source = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        Source { module, code: code_of(&text), text, path }
    };
    files.into_iter().map(source).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn code_of(text: &str) -> String {
    let before_tests = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_str().unwrap_or_default().trim_end_matches(".rs");
        name == "tests" || name.ends_with("_tests") || name == "contract"
    })
}

/// The modules that `code` names as `crate::NAME`, also inside braces.
fn used(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').map_or(rest, |inner| inner);
        let parts: Vec<&str> =
            if rest.starts_with('{') { top_level_parts(group) } else { vec![group] };
        for part in parts {
            let name: String = part
                .trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            names.push(name);
        }
    }
    names
}

fn top_level_parts(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..index]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        if matches!(source.module.as_str(), "lib" | "main") || is_test_file(&source.path) {
            continue;
        }
        let Some(allowed) = table.get(source.module.as_str()) else {
            wrong.push(format!("{}: not in the map", source.path.display()));
            continue;
        };
        for name in used(&source.code) {
            if name != source.module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: uses `{name}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_has_every_module_and_no_circle() {
    let modules: Vec<String> = sources().into_iter().map(|source| source.module).collect();
    let mut seen: Vec<&str> = Vec::new();
    for (module, uses) in MAY_USE {
        assert!(modules.iter().any(|name| name == module), "`{module}` is gone");
        for name in *uses {
            assert!(seen.contains(name), "`{module}` uses `{name}`, which comes later");
        }
        seen.push(module);
    }
}

#[test]
fn pure_modules_touch_nothing_outside() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !PURE.contains(&source.module.as_str()) || is_test_file(&source.path) {
            continue;
        }
        for word in IMPURE.iter().filter(|word| source.code.contains(**word)) {
            wrong.push(format!("{}: mentions `{word}`", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_console_prints() {
    for source in sources() {
        let prints = ["println!", "eprintln!", "print!(", "std::io::stdout"];
        let found = prints.iter().find(|word| source.code.contains(**word));
        let at = source.path.display();
        assert!(found.is_none() || source.path.ends_with("cli/console.rs"), "{at}: {found:?}");
    }
}

#[test]
fn every_file_says_at_the_door_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} has no header", source.path.display());
    }
}

#[test]
fn the_reader_of_edges_sees_braces_and_paths() {
    let code = "use crate::{types::{A, B}, run::C}; let x = crate::plan::find(1);";
    assert_eq!(used(code), ["types", "run", "plan"]);
}
