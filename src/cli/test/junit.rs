//! Results as JUnit XML, which every CI system reads.

use std::fmt::Write;
use std::time::Duration;

use super::text::failure;
use super::{Played, Report};
use crate::rehearsal::CaseResult;
use crate::report::Style;

/// The document.
pub(super) fn document(report: &Report) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let all = report.results().count();
    // Writing into a text cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"certplan\" tests=\"{all}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        failures(report.results()),
        errors(report.results()),
        seconds(report.took)
    );
    for file in &report.files {
        suite(file, &mut xml);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(file: &Played, xml: &mut String) {
    let took = file.results.iter().map(|result| result.took).sum();
    let name = escape(&file.name);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        file.results.len(),
        failures(file.results.iter()),
        errors(file.results.iter()),
        seconds(took)
    );
    for result in &file.results {
        let _ = write!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{name}\" line=\"{}\" time=\"{}\"",
            escape(&file.plan),
            escape(&result.name),
            result.place.line,
            seconds(result.took)
        );
        if result.is_good() {
            xml.push_str("/>\n");
            continue;
        }
        let element = if result.problem.is_some() { "error" } else { "failure" };
        let text = failure(file, result, Style::new(false)).join("\n");
        let message = text.lines().skip(1).take(3).map(str::trim).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            xml,
            ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
            escape(&message),
            escape(&text)
        );
    }
    xml.push_str("  </testsuite>\n");
}

fn failures<'r>(results: impl Iterator<Item = &'r CaseResult>) -> usize {
    results.filter(|result| !result.is_good() && result.problem.is_none()).count()
}

fn errors<'r>(results: impl Iterator<Item = &'r CaseResult>) -> usize {
    results.filter(|result| result.problem.is_some()).count()
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// Text fit for an element or an attribute; what XML 1.0 cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_xml_cannot_hold_gets_through() {
        assert_eq!(
            escape("<a b='\"&\u{1b}\u{ffff}\n"),
            "&lt;a b=&apos;&quot;&amp;\u{fffd}\u{fffd}\n"
        );
    }
}
