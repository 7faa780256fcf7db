//! A recap as Markdown, for a merge request or a chat.

use super::{Recap, RecapRow};
use crate::report::style::Style;
use crate::types::printable;

/// The recap as a table with the sum above it.
pub fn recap_markdown(recap: &Recap) -> String {
    let mut text = format!("**certplan: {}**\n\n", recap.summary(Style::new(false)));
    if recap.targets.is_empty() {
        return text;
    }
    text.push_str("| target | result | certificate | valid until | run | reason |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in &recap.targets {
        text.push_str(&line(row));
    }
    text
}

fn line(row: &RecapRow) -> String {
    let name = |text: Option<&str>| text.map_or_else(|| "–".to_owned(), code);
    let until = row.valid_until.map(|at| at.strftime("%Y-%m-%d").to_string());
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        code(&row.target),
        row.result.name(),
        name(row.certificate_id.as_ref().map(|id| id.as_str())),
        until.unwrap_or_else(|| "–".to_owned()),
        name(row.run.as_ref().map(|run| run.as_str())),
        reason(row),
    )
}

/// The reason, and where a person can act.
fn reason(row: &RecapRow) -> String {
    let Some(since) = row.parked_since else { return plain(&row.reason) };
    let day = since.strftime("%Y-%m-%d");
    let url = row.completion_url.as_deref().map(|url| format!(": {}", code(url)));
    format!("{}; since {day}{}", plain(&row.reason), url.unwrap_or_default())
}

/// Text in a code span: nothing in it has a meaning but backticks and the table's bars.
fn code(text: &str) -> String {
    format!("`{}`", printable(text).replace('`', "'").replace('|', "\\|"))
}

/// Text in which Markdown and HTML mean nothing: a reason can come from outside. What stands between
/// two backticks is a code span, in which a backslash would be shown.
fn plain(text: &str) -> String {
    let text = printable(text);
    let mut safe = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some((before, after)) = rest.split_once('`') {
        safe.push_str(&escaped(before));
        rest = match after.split_once('`') {
            Some((inside, beyond)) if !inside.is_empty() => {
                safe.push_str(&code(inside));
                beyond
            }
            // One without another, or with nothing between them, begins no span.
            _ => {
                safe.push_str("\\`");
                after
            }
        };
    }
    safe + &escaped(rest)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '[' | ']' | '#' | '~' | '\\' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
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
    fn reasons_cannot_break_out_of_their_cell() {
        let text = recap_markdown(&recap());
        assert!(text.starts_with("**certplan: 1 issued, 1 parked, 1 failed, 1 not started**\n"));
        let line = text.lines().find(|line| line.contains("b.example.com")).unwrap();
        assert!(line.ends_with("| step `order`: &lt;bad> \"name\" \\| \u{fffd}\\[31m |"), "{line}");
    }

    #[test]
    fn what_stands_between_backticks_is_shown_as_it_is() {
        assert_eq!(plain("no `hdl_7_A`, a_b"), "no `hdl_7_A`, a\\_b");
        assert_eq!(plain("`a|<b>` <b>"), "`a\\|<b>` &lt;b>");
    }

    #[test]
    fn a_backtick_without_another_hides_nothing() {
        assert_eq!(plain("a ` <b> *c*"), "a \\` &lt;b> \\*c\\*");
        assert_eq!(plain("`a` ` <b>"), "`a` \\` &lt;b>");
        assert_eq!(plain("`` <b>"), "\\`\\` &lt;b>");
    }

    #[test]
    fn where_a_person_can_act_stands_beside_the_reason() {
        let text = recap_markdown(&recap());
        let line = text.lines().find(|line| line.contains("c.example.com")).unwrap();
        let place = "vetting; since 1970-01-01: `https://console.example/complete?a=1` |";
        assert!(line.ends_with(place), "{line}");
    }
}
