//! A recap as JUnit XML, which build servers show as a list of tests.
//!
//! A failed or doubtful target is a failure; one that is parked, held back or was not started is
//! skipped, and so is one that another process works on: that process reports it.

use std::fmt::Write as _;

use super::{Recap, RecapResult, RecapRow};
use crate::report::wording::parked_note;
use crate::types::machine_word;

/// The recap as one JUnit test suite.
pub fn recap_junit(recap: &Recap) -> String {
    let trouble = recap.targets.iter().filter(|row| row.result.is_trouble()).count();
    let skipped = recap.targets.iter().filter(|row| is_skipped(row.result)).count();
    let seconds = recap.ended_at.duration_since(recap.started_at).as_secs_f64();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"certplan\" tests=\"{}\" failures=\"{trouble}\" skipped=\"{skipped}\" \
         time=\"{seconds:.3}\" timestamp=\"{}\">",
        recap.targets.len(),
        recap.started_at.strftime("%Y-%m-%dT%H:%M:%S"),
    );
    for row in &recap.targets {
        case(&mut xml, row);
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn case(xml: &mut String, row: &RecapRow) {
    let whole = std::time::Duration::from_millis(row.milliseconds).as_secs_f64();
    let (plan, target) = (escaped(&row.plan), escaped(&row.target));
    let _ = write!(xml, "  <testcase classname=\"{plan}\" name=\"{target}\" time=\"{whole:.3}\"");
    let (word, mut reason) = (row.result.name(), escaped(&row.reason));
    if let Some(since) = row.parked_since {
        let note = parked_note(since, row.completion_url.as_deref());
        let _ = write!(reason, "; {}", escaped(&note));
    }
    let run = row.run.as_ref().map(|run| format!("run {run}: ")).unwrap_or_default();
    let kind = machine_word(word);
    let _ = if row.result.is_trouble() {
        writeln!(
            xml,
            ">\n    <failure type=\"{kind}\" message=\"{reason}\">{run}{reason}</failure>\n  </testcase>"
        )
    } else if is_skipped(row.result) {
        writeln!(xml, ">\n    <skipped message=\"{word}: {reason}\"/>\n  </testcase>")
    } else {
        writeln!(xml, ">\n    <system-out>{word}: {run}{reason}</system-out>\n  </testcase>")
    };
}

fn is_skipped(result: RecapResult) -> bool {
    use RecapResult as R;
    matches!(
        result,
        R::Parked | R::Interrupted | R::Locked | R::HeldBack | R::NotStarted | R::Superseded
    )
}

/// Text for an attribute or an element. XML has no way at all to hold most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::types::printable(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recap::tests::recap;

    #[test]
    fn each_target_is_a_case_and_its_text_breaks_nothing() {
        let xml = recap_junit(&recap());
        let counts = "tests=\"4\" failures=\"1\" skipped=\"2\" time=\"75.000\"";
        assert!(xml.contains(counts), "{xml}");
        assert!(
            xml.contains("message=\"step `order`: &lt;bad&gt; &quot;name&quot; | \u{fffd}[31m\"")
        );
        let parked = "<skipped message=\"parked: waits for the CA: vetting; parked since 1970-01-01 \
                      00:00:00 UTC; a person can act here: https://console.example/complete?a=1\"/>";
        assert!(xml.contains(parked), "{xml}");
        assert_eq!(xml.matches("<testcase ").count(), xml.matches("</testcase>").count());
    }

    #[test]
    fn what_another_process_works_on_is_skipped_and_what_is_in_doubt_has_a_type_for_programs() {
        let mut recap = recap();
        recap.targets[1].result = RecapResult::Locked;
        recap.targets[0].result = RecapResult::InDoubt;
        let xml = recap_junit(&recap);
        assert!(xml.contains("failures=\"1\" skipped=\"3\""), "{xml}");
        assert!(xml.contains("<skipped message=\"locked: step"), "{xml}");
        assert!(xml.contains("<failure type=\"in_doubt\""), "{xml}");
    }
}
