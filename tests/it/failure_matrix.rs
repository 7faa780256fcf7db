//! The failure matrix promises: every promise names the test that keeps it.

use std::path::Path;

/// All source text in a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_matrix_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    sources(&root.join("tests/it"), &mut code);
    sources(&root.join("src"), &mut code);
    let matrix = std::fs::read_to_string(root.join("docs/failure-matrix.md")).unwrap();
    let promises = matrix.split_once("<!-- made by the test: begin -->").unwrap().0;
    let mut rows = 0;
    for row in promises.lines().filter(|line| line.starts_with("| ") && !line.contains("| Test")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        let tests: Vec<&str> = cells[4].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test is named: {row}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "there is no test `{test}`: {row}");
        }
        rows += 1;
    }
    assert!(rows > 20, "{rows}");
}
