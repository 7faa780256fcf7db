//! `retry:` and `poll:` as written.

use super::policy::{OnTimeout, PassingFailure};
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::source::Span;

const RETRY_KEYS: [&str; 4] = ["attempts", "backoff", "max_delay", "on"];
const POLL_KEYS: [&str; 3] = ["every", "timeout", "on_timeout"];

/// `retry:` as written.
pub(super) struct RawRetry {
    pub(super) attempts: Option<Located<i64>>,
    pub(super) backoff: Option<Located<String>>,
    pub(super) max_delay: Option<Located<String>>,
    pub(super) on: Option<Vec<PassingFailure>>,
}

/// `poll:` as written.
pub(super) struct RawPoll {
    pub(super) key: Span,
    pub(super) every: Option<Located<String>>,
    pub(super) timeout: Option<Located<String>>,
    pub(super) on_timeout: Option<OnTimeout>,
}

pub(super) fn decode_retry(
    fields: &Fields<'_>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<RawRetry> {
    let (key, node) = fields.get("retry")?;
    let what = format!("`retry` of {what}");
    let fields = decoder.fields(node, key.span, &what, &RETRY_KEYS)?;
    Some(RawRetry {
        attempts: decoder.integer(&fields, "attempts"),
        backoff: decoder.duration_text(&fields, "backoff"),
        max_delay: decoder.duration_text(&fields, "max_delay"),
        on: decode_retry_on(&fields, decoder),
    })
}

fn decode_retry_on(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<PassingFailure>> {
    let (key, _) = fields.get("on")?;
    let items = decoder.items(fields, "on")?;
    if items.is_empty() {
        decoder.push(
            Diagnostic::error("empty-range", format!("{} names no failure", fields.name_of("on")))
                .at(key.span, "nothing would ever be tried again")
                .help("leave `on` out for all that can pass, or write `attempts: 1` for none"),
        );
    }
    let words = PassingFailure::WORDS.map(|(word, failure, _)| (word, failure));
    Some(items.iter().filter_map(|item| decoder.word_of(item, "an item of `on`", &words)).collect())
}

pub(super) fn decode_poll(
    fields: &Fields<'_>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<RawPoll> {
    let (key, node) = fields.get("poll")?;
    let what = format!("`poll` of {what}");
    let fields = decoder.fields(node, key.span, &what, &POLL_KEYS)?;
    Some(RawPoll {
        key: key.span,
        every: decoder.duration_text(&fields, "every"),
        timeout: decoder.duration_text(&fields, "timeout"),
        on_timeout: decoder.word(
            &fields,
            "on_timeout",
            &[("park", OnTimeout::Park), ("fail", OnTimeout::Fail)],
        ),
    })
}
