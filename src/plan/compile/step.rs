//! One step: its action, parameters, condition, policies.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;

use super::reference::Checker;
use super::value::shown;
use super::{Known, StepInfo};
use crate::plan::decode::{Decoder, Located};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::model::{Share, Step, Template};
use crate::plan::policy::{PollPolicy, RetryPolicy};
use crate::plan::raw::{RawPoll, RawRetry, RawStep};
use crate::plan::signature::{Repeat, Signature};
use crate::plan::suggest::{list, nearest};
use crate::plan::template::{Parsed, has_code, parse, parse_expression};
use crate::plan::value_type::{Presence, ValueType};
use crate::plan::yaml::{Kind, Node};
use crate::types::{StepId, format_duration, parse_duration, printable};

/// How long one attempt of a step may take, unless the plan says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// More attempts than anybody wants to wait for.
const MOST_ATTEMPTS: i64 = 100;

/// Looking more often would use up the request budget (contract A.13) for nothing.
const SHORTEST_POLL: Duration = Duration::from_secs(1);

pub(super) fn compile_step(
    raw: &RawStep<'_>,
    info: &StepInfo,
    known: &Known<'_>,
    used_inputs: &mut BTreeSet<String>,
    decoder: &mut Decoder<'_>,
) -> Step {
    let mut needs = explicit_needs(raw, known, decoder);
    let mut checker = Checker { known, own: info, decoder, needs: BTreeSet::new(), used_inputs };
    let when = raw.when.and_then(|node| condition(node, &mut checker));
    let with = parameters(raw, info, &mut checker);
    needs.append(&mut checker.needs);
    Step {
        id: raw.id.value.clone(),
        uses: raw.uses.as_ref().map(|uses| uses.value.clone()).unwrap_or_default(),
        needs,
        when,
        with,
        retry: retry(raw.retry.as_ref(), info, decoder),
        poll: poll(raw.poll.as_ref(), info, decoder),
        timeout: timeout(raw, decoder),
        on_failure: raw.on_failure,
        share: share(raw, info, decoder),
    }
}

fn explicit_needs(
    raw: &RawStep<'_>,
    known: &Known<'_>,
    decoder: &mut Decoder<'_>,
) -> BTreeSet<StepId> {
    let mut needs = BTreeSet::new();
    for need in &raw.needs {
        if need.value == raw.id.value.as_str() {
            decoder.push(
                Diagnostic::error("self-reference", format!("step `{}` needs itself", need.value))
                    .at(need.span, "leave this out"),
            );
            continue;
        }
        let ids = || known.steps.iter().map(|info| info.id.as_str());
        match known.steps.iter().find(|info| info.id.as_str() == need.value) {
            Some(info) => {
                needs.insert(info.id.clone());
            }
            None => {
                let name = printable(&need.value);
                let others = || ids().filter(|id| *id != raw.id.value.as_str());
                let diagnostic =
                    Diagnostic::error("unknown-step", format!("the plan has no step `{name}`"))
                        .at(need.span, "unknown step");
                decoder.push(match nearest(&need.value, others()) {
                    Some(near) => {
                        diagnostic.suggest(need.span, near, format!("did you mean `{near}`?"))
                    }
                    None => diagnostic.help(format!("steps: {}", list(others()))),
                });
            }
        }
    }
    needs
}

/// The expression of a `when`, when it has the form of one.
pub(super) fn condition_text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::String(text) => Some(text.trim().to_owned()),
        Kind::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn condition(node: &Node, checker: &mut Checker<'_, '_, '_>) -> Option<String> {
    let Some(expression) = condition_text(node) else {
        checker.decoder.push(
            Diagnostic::error("wrong-type", "`when` must be an expression")
                .at(node.span, format!("this is {}", shown(node)))
                .help("for example `when: steps.order.action_required`"),
        );
        return None;
    };
    if has_code(&expression) {
        let diagnostic = Diagnostic::error("braces-in-when", "`when` is an expression already")
            .at(node.span, "no braces are needed here");
        checker.decoder.push(match parse(&expression) {
            Ok(Parsed::Expression { inside, .. }) => {
                let quote = inside.contains(['"', '#']) || inside.contains(": ");
                let plain = if quote { format!("'{inside}'") } else { inside };
                diagnostic.suggest(node.span, plain, "leave them out")
            }
            _ => diagnostic.help("write the expression alone"),
        });
        return None;
    }
    let offset = node.as_str().map_or(0, |text| text.len() - text.trim_start().len());
    let code = match parse_expression(&expression) {
        Ok(code) => code,
        Err(error) => {
            checker.syntax_error(node, &error, offset);
            return None;
        }
    };
    if let Some(found) = checker.code(node, &code, offset)
        && !ValueType::Boolean.accepts(&found)
    {
        checker.decoder.push(
            Diagnostic::error("wrong-type", "`when` must be true or false")
                .at(node.span, format!("this is a {found}"))
                .help("compare it with something, for example `… == 'x'` or `… is not none`"),
        );
    }
    Some(expression)
}

fn parameters(
    raw: &RawStep<'_>,
    info: &StepInfo,
    checker: &mut Checker<'_, '_, '_>,
) -> IndexMap<String, Template> {
    let mut with = IndexMap::new();
    let entries = raw.with.map_or(&[][..], |(_, entries)| entries);
    for (key, node) in entries {
        let parameter = info.signature.and_then(|signature| signature.parameter(&key.name));
        if let (Some(signature), None) = (info.signature, parameter) {
            let names = || signature.parameters.iter().map(|field| field.name.as_str());
            let diagnostic = Diagnostic::error(
                "unknown-parameter",
                format!("`{}` has no parameter `{}`", signature.name, printable(&key.name)),
            )
            .at(key.span, "unknown parameter");
            let diagnostic = match nearest(&key.name, names()) {
                Some(near) => diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")),
                None => diagnostic,
            };
            checker.decoder.push(diagnostic.help(format!("parameters: {}", list(names()))));
        }
        // Templates in it are checked in any case.
        with.insert(key.name.clone(), checker.field(node, parameter, &key.name));
    }
    if let Some(signature) = info.signature {
        missing_parameters(raw, signature, checker.decoder);
    }
    with
}

fn missing_parameters(raw: &RawStep<'_>, signature: &Signature, decoder: &mut Decoder<'_>) {
    let (at, entries) = match (&raw.with, &raw.uses) {
        (Some((key, entries)), _) => (*key, *entries),
        (None, Some(uses)) => (uses.span, &[][..]),
        (None, None) => (raw.id.span, &[][..]),
    };
    for field in signature.parameters.iter().filter(|field| field.presence == Presence::Required) {
        // A slip of the name is reported as an unknown parameter.
        let slip = |name: &str| {
            signature.parameter(name).is_none() && nearest(name, [field.name.as_str()]).is_some()
        };
        if entries.iter().all(|(key, _)| key.name != field.name && !slip(&key.name)) {
            decoder.push(
                Diagnostic::error(
                    "missing-parameter",
                    format!("step `{}` has no parameter `{}`", raw.id.value, field.name),
                )
                .at(at, format!("`{}` needs it", signature.name))
                .help(format!("`{}` ({}): {}", field.name, field.value_type, field.description)),
            );
        }
    }
}

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

fn timeout(raw: &RawStep<'_>, decoder: &mut Decoder<'_>) -> Duration {
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

fn retry(raw: Option<&RawRetry>, info: &StepInfo, decoder: &mut Decoder<'_>) -> RetryPolicy {
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
                        "`{}` costs money; if {most} attempts do not settle it, a person should look",
                        signature.name
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
    policy
}

fn poll(raw: Option<&RawPoll>, info: &StepInfo, decoder: &mut Decoder<'_>) -> Option<PollPolicy> {
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

fn share(raw: &RawStep<'_>, info: &StepInfo, decoder: &mut Decoder<'_>) -> Share {
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
