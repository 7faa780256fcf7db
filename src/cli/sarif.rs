//! SARIF 2.1.0: the result of a check as code hosts and editors read it.
//!
//! Only what they use: rules, places, remarks and changes. Columns count characters from 1, and an
//! end is the column after the last character, as in SARIF itself.

use serde::Serialize;

use super::checked_file::CheckedFile;
use crate::document::{CODES, Diagnostic, Diagnostics, Elsewhere, Severity, SourceFile, Span};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

/// A `result` of SARIF.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Text,
    artifact_changes: [ArtifactChange; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: ArtifactLocation,
    replacements: [Replacement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

/// The findings in all `files`.
pub(super) fn log(files: &[CheckedFile]) -> Log {
    let rules = CODES.iter().map(|code| Rule {
        id: code.name,
        short_description: Text { text: code.summary.to_owned() },
    });
    let driver =
        Driver { name: "certplan", version: env!("CARGO_PKG_VERSION"), rules: rules.collect() };
    let results = files
        .iter()
        .flat_map(|file| file.found.iter().map(|diagnostic| finding(diagnostic, &file.found)))
        .collect();
    let column_kind = "unicodeCodePoints";
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run { tool: Tool { driver }, column_kind, results }],
    }
}

fn finding(diagnostic: &Diagnostic, found: &Diagnostics) -> Finding {
    let region = |span: Span| region(found.file(), span);
    let artifact = || ArtifactLocation { uri: uri(found.file().name()) };
    let location = |span: Option<Span>, remark: &str| Location {
        physical_location: PhysicalLocation {
            artifact_location: artifact(),
            region: span.map(region),
        },
        message: Some(remark)
            .filter(|text| !text.is_empty())
            .map(|text| Text { text: text.to_owned() }),
    };
    let primary = match &diagnostic.primary {
        Some(label) => location(Some(label.span), &label.text),
        None => location(None, ""),
    };
    let fix = diagnostic.suggestion.as_ref().map(|suggestion| Fix {
        description: Text { text: suggestion.text.clone() },
        artifact_changes: [ArtifactChange {
            artifact_location: artifact(),
            replacements: [Replacement {
                deleted_region: region(suggestion.span),
                inserted_content: Text { text: suggestion.replacement.clone() },
            }],
        }],
    });
    Finding {
        rule_id: diagnostic.code,
        rule_index: CODES.iter().position(|code| code.name == diagnostic.code),
        level: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: Text { text: sentence(diagnostic) },
        locations: [primary],
        related_locations: diagnostic
            .secondary
            .iter()
            .map(|label| location(Some(label.span), &label.text))
            .chain(diagnostic.elsewhere.iter().map(elsewhere))
            .collect(),
        fixes: fix.into_iter().collect(),
    }
}

/// A place in another file.
fn elsewhere(place: &Elsewhere) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri(place.file.name()) },
            region: Some(region(&place.file, place.label.span)),
        },
        message: Some(Text { text: place.label.text.clone() }),
    }
}

fn region(file: &SourceFile, span: Span) -> Region {
    let (start, end) = (file.position(span.start), file.position(span.end));
    Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}

/// Message, remark and help as one text: code hosts show no more than that.
fn sentence(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    if let Some(label) = diagnostic.primary.as_ref().filter(|label| !label.text.is_empty()) {
        text.push_str(&format!(": {}", label.text));
    }
    let change = diagnostic.suggestion.as_ref().map(|suggestion| {
        format!("{}: `{}`", suggestion.text.trim_end_matches(':'), suggestion.replacement.trim())
    });
    for help in diagnostic.help.iter().cloned().chain(change) {
        text.push_str(&format!("\nhelp: {help}"));
    }
    text
}

/// A path as a relative or absolute URI reference.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn places_and_changes_are_counted_as_sarif_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.yaml");
        std::fs::write(&path, "certplan: 1\nname: ö\nstepss: []\n").unwrap();
        let file = CheckedFile::check(Path::new(&path), None);
        let log = serde_json::to_value(log(&[file])).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 1, "{log:#}");
        let result = &results[0];
        assert_eq!(result["ruleId"], "unknown-key");
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][rule]["id"], "unknown-key");
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with("/a%20b.yaml"));
        let region = serde_json::json!(
            {"startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 7}
        );
        assert_eq!(place["region"], region);
        let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(change["deletedRegion"], region);
        assert_eq!(change["insertedContent"]["text"], "steps");
    }

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("./plans/ä.yaml"), "plans/%C3%A4.yaml");
        assert_eq!(uri("/etc/x.yaml"), "file:///etc/x.yaml");
    }
}
