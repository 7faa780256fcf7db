//! The policies of a step: attempts, waiting, time limits, sharing.

use std::time::Duration;

use super::StepInfo;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::Diagnostic;
use crate::plan::model::Share;
use crate::plan::policy::{PollPolicy, RetryPolicy};
use crate::plan::raw::RawStep;
use crate::plan::raw_policy::{RawPoll, RawRetry};
use crate::plan::signature::Repeat;
use crate::types::{format_duration, parse_duration};

/// How long one attempt of a step may take, unless the plan says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// More attempts than anybody wants to wait for.
const MOST_ATTEMPTS: i64 = 100;

/// Looking more often would use up the request budget (contract A.13) for nothing.
const SHORTEST_POLL: Duration = Duration::from_secs(1);

fn duration(
    text: Option<&Located<String>>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Duration> {
    let text = text?;
    match parse_duration(&text.value) {
        Ok(duration) => Some(duration),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-duration", format!("`{what}` is no duration"))
                    .at(text.span, error.to_string()),
            );
            None
        }
    }
}

pub(super) fn timeout(raw: &RawStep<'_>, decoder: &mut Decoder<'_>) -> Duration {
    let Some(found) = duration(raw.timeout.as_ref(), "timeout", decoder) else {
        return DEFAULT_TIMEOUT;
    };
    if let (true, Some(text)) = (found < Duration::from_secs(1), &raw.timeout) {
        decoder.push(
            Diagnostic::error("out-of-range", "no attempt can be made in this time")
                .at(text.span, "at least `1s`")
                .help(format!("the default is `{}`", format_duration(DEFAULT_TIMEOUT))),
        );
    }
    found
}

pub(super) fn retry(
    raw: Option<&RawRetry>,
    info: &StepInfo,
    decoder: &mut Decoder<'_>,
) -> RetryPolicy {
    let mut policy =
        info.signature.map_or_else(RetryPolicy::never, |signature| signature.retry.clone());
    let Some(raw) = raw else { return policy };
    if let Some(attempts) = &raw.attempts {
        // The engine finds out what became of an order before it sends it again. It may do that as
        // often as the action says; more would only hide that something is wrong.
        let order = info.signature.filter(|signature| signature.repeat == Repeat::Reconcile);
        let most = order.map_or(MOST_ATTEMPTS, |signature| i64::from(signature.retry.attempts));
        match u32::try_from(attempts.value) {
            Ok(number) if (1..=most).contains(&attempts.value) => policy.attempts = number,
            _ => {
                let diagnostic = Diagnostic::error(
                    "out-of-range",
                    format!("a step cannot have {} attempts", attempts.value),
                )
                .at(attempts.span, format!("from 1 to {most}"));
                decoder.push(match order {
                    Some(signature) => diagnostic.help(format!(
                        "`{}` {}; if {most} attempts do not settle it, a person should look",
                        signature.name,
                        if signature.costs_money() {
                            "costs money"
                        } else {
                            "cannot be repeated safely"
                        }
                    )),
                    None => diagnostic,
                });
            }
        }
    }
    policy.backoff = duration(raw.backoff.as_ref(), "backoff", decoder).unwrap_or(policy.backoff);
    match duration(raw.max_delay.as_ref(), "max_delay", decoder) {
        Some(max_delay) => {
            if let (true, Some(text)) = (max_delay < policy.backoff, &raw.max_delay) {
                let backoff = format_duration(policy.backoff);
                decoder.push(
                    Diagnostic::error("out-of-range", "the longest delay is below the first one")
                        .at(text.span, format!("`backoff` is {backoff}")),
                );
            }
            policy.max_delay = max_delay;
        }
        None => policy.max_delay = policy.max_delay.max(policy.backoff),
    }
    policy.on.clone_from(&raw.on);
    policy
}

pub(super) fn poll(
    raw: Option<&RawPoll>,
    info: &StepInfo,
    decoder: &mut Decoder<'_>,
) -> Option<PollPolicy> {
    let default = info.signature.and_then(|signature| signature.poll.clone());
    let Some(raw) = raw else { return default };
    let Some(mut policy) = default else {
        if let Some(signature) = info.signature {
            decoder.push(
                Diagnostic::error("stray-key", format!("`{}` does not wait", signature.name))
                    .at(raw.key, "`poll` has no meaning here")
                    .help("how failed attempts are tried again is said with `retry`"),
            );
        }
        return None;
    };
    if let Some(every) = duration(raw.every.as_ref(), "every", decoder) {
        if let (true, Some(text)) = (every < SHORTEST_POLL, &raw.every) {
            decoder.push(
                Diagnostic::error("out-of-range", "this looks too often")
                    .at(text.span, "at least `1s`"),
            );
        }
        policy.every = every;
        policy.stretches = false;
    }
    if let Some(timeout) = duration(raw.timeout.as_ref(), "timeout", decoder) {
        policy.timeout = timeout;
    }
    if policy.timeout < policy.every {
        decoder.push(
            Diagnostic::error("out-of-range", "the time is over before the second look").at(
                raw.timeout.as_ref().or(raw.every.as_ref()).map_or(raw.key, |text| text.span),
                format!(
                    "`timeout` is {}, `every` is {}",
                    format_duration(policy.timeout),
                    format_duration(policy.every)
                ),
            ),
        );
    }
    policy.on_timeout = raw.on_timeout.unwrap_or(policy.on_timeout);
    Some(policy)
}

pub(super) fn share(raw: &RawStep<'_>, info: &StepInfo, decoder: &mut Decoder<'_>) -> Share {
    let Some(share) = &raw.share else { return Share::Run };
    if let (Share::Batch, Some(signature)) = (share.value, info.signature)
        && !signature.can_be_shared()
    {
        decoder.push(
            Diagnostic::error(
                "not-shareable",
                format!("`{}` cannot be shared by a batch", signature.name),
            )
            .at(share.span, "each certificate needs its own")
            .help("only look-ups whose answer is the same for all can be shared"),
        );
    }
    share.value
}
