//! One step: what it needs, its condition, its parameters.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::reference::Checker;
use super::value::shown;
use super::{Known, StepInfo, finally, headers, policy, rules};
use crate::document::decode::Decoder;
use crate::document::diagnostic::{Diagnostic, Severity};
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{SourceFile, Span};
use crate::document::suggest::{list, nearest};
use crate::plan::elsewhere::command_list;
use crate::plan::model::{Step, Template};
use crate::plan::raw::RawStep;
use crate::plan::signature::Signature;
use crate::plan::template::{Parsed, has_code, parse, parse_expression};
use crate::plan::value_type::{Presence, ValueType};
use crate::types::{StepId, printable};

/// The step, and those of its parameters whose value was refused; none when its rules cannot be held
/// against it.
pub(super) fn compile_step(
    raw: &RawStep<'_>,
    info: &StepInfo,
    known: &Known<'_>,
    (used_inputs, constants): (&mut BTreeSet<String>, &mut usize),
    decoder: &mut Decoder<'_>,
) -> (Step, Option<BTreeSet<String>>) {
    let mut needs = explicit_needs(raw, known, decoder);
    let mut checker = Checker {
        known,
        own: info,
        decoder,
        needs: BTreeSet::new(),
        used_inputs,
        constants,
        in_when: true,
    };
    let when = raw.when.and_then(|node| condition(node, &mut checker));
    checker.in_when = false;
    let (with, misfit) = parameters(raw, info, &mut checker);
    needs.append(&mut checker.needs);
    let step = Step {
        id: raw.id.value.clone(),
        uses: raw.uses.as_ref().map(|uses| uses.value.clone()).unwrap_or_default(),
        needs,
        when,
        with,
        retry: policy::retry(raw.retry.as_ref(), info, decoder),
        poll: policy::poll(raw.poll.as_ref(), info, decoder),
        timeout: policy::timeout(raw, decoder),
        on_failure: raw.on_failure,
        share: policy::share(raw, info, decoder),
        finally: raw.finally,
    };
    // Beside a parameter that is not the one that is meant, its absence would only distract.
    if let Some(misfit) = &misfit {
        rules::check(raw, info, (&step, misfit), decoder);
    }
    (step, misfit)
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
        // One that stands in the other list could not be needed.
        let ids = || {
            let alike = known.steps.iter().filter(|info| info.finally == raw.finally);
            alike.map(|info| info.id.as_str())
        };
        match known.step(&need.value) {
            Some(info) if info.finally != raw.finally => {
                decoder.push(finally::misplaced_need(raw, info, need.span));
            }
            Some(info) => {
                needs.insert(info.id.clone());
            }
            None => {
                let name = printable(&need.value);
                let others = || ids().filter(|id| *id != raw.id.value.as_str());
                let diagnostic =
                    Diagnostic::error("unknown-step", format!("the plan has no step `{name}`"))
                        .at(need.span, "unknown step");
                if decoder.diagnostics.is_full() {
                    decoder.push(diagnostic);
                    continue;
                }
                decoder.push(match nearest(&need.value, others()) {
                    Some(near) => {
                        diagnostic.suggest(need.span, near, format!("did you mean `{near}`?"))
                    }
                    None if others().next().is_none() => diagnostic.help("there is no other step"),
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
        // A workflow has a `$` before the braces.
        let expression = expression.strip_prefix('$').unwrap_or(&expression);
        let diagnostic = Diagnostic::error("braces-in-when", "`when` is an expression already")
            .at(node.span, "no braces are needed here");
        checker.decoder.push(match parse(expression) {
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
    checker.typed_condition(node, &code, (&expression, offset));
    checker.constant_condition(node, &expression, &code);
    Some(expression)
}

/// The parameters of a step, and those whose value was refused; none when something is wrong with what
/// is there and what is not.
fn parameters(
    raw: &RawStep<'_>,
    info: &StepInfo,
    checker: &mut Checker<'_, '_, '_>,
) -> (IndexMap<String, Template>, Option<BTreeSet<String>>) {
    let mut with = IndexMap::new();
    let mut misfit = BTreeSet::new();
    let reported =
        |checker: &Checker<'_, '_, '_>| checker.decoder.diagnostics.count(Severity::Error);
    let before = reported(checker);
    let mut of_values = 0;
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
            let near = nearest(&key.name, names());
            let better = near.and_then(|near| {
                parameter_in_our_words(near, signature, node, checker.decoder.file)
            });
            let is_there = |name: &str| entries.iter().any(|(key, _)| key.name == name);
            let diagnostic = match (near, better) {
                (Some(near), _) if is_there(near) => diagnostic
                    .help(format!("did you mean `{near}`? it is there already: leave one out")),
                (Some(_), Some(better)) => {
                    let pair = Span::new(key.span.start, node.span.end);
                    diagnostic.suggest(pair, better, "write it like this")
                }
                (Some(near), None) => {
                    diagnostic.suggest(key.span, near, format!("did you mean `{near}`?"))
                }
                (None, _) => diagnostic,
            };
            let diagnostic = match (signature.name, key.name.as_str()) {
                ("assert", "fail_msg" | "msg" | "success_msg" | "message") => diagnostic
                    .help("each item of `that` has its own: `{ check: \"{{ … }}\", message: … }`"),
                _ => diagnostic,
            };
            checker.decoder.push(diagnostic.help(format!("parameters: {}", list(names()))));
        }
        let before = reported(checker);
        headers::check(info, key, node, checker.decoder);
        let of_headers = reported(checker);
        // Templates in it are checked in any case.
        with.insert(key.name.clone(), checker.field(node, parameter, &key.name));
        if reported(checker) > of_headers {
            misfit.insert(key.name.clone());
        }
        of_values += reported(checker) - before;
    }
    if let (Some(signature), false) = (info.signature, raw.with_is_unreadable) {
        missing_parameters(raw, signature, checker.decoder);
        one_of(raw, signature, checker.decoder);
    }
    let is_complete = reported(checker) == before + of_values;
    (with, is_complete.then_some(misfit))
}

/// A parameter under the name of another tool, together with its value, where that is written in
/// another way too: `cmd: nginx -s reload`, `key_size: 2048`.
fn parameter_in_our_words(
    name: &str,
    signature: &Signature,
    node: &Node,
    file: &SourceFile,
) -> Option<String> {
    let value_type = &signature.parameter(name)?.value_type;
    let written = file.slice(node.span);
    if value_type.check(&node.to_value()).is_ok() {
        return None;
    }
    match (value_type, &node.kind) {
        (ValueType::Command, Kind::String(text)) if !written.contains('\n') => {
            Some(format!("{name}: {}", command_list(text)?))
        }
        (ValueType::Enum(words), Kind::Integer(_) | Kind::String(_)) if name == "key_type" => {
            let wanted = written.trim_matches(['"', '\'']).to_lowercase();
            let fits = |word: &&String| {
                let size = word.strip_prefix("rsa-").or_else(|| word.strip_prefix("ec-"));
                **word == wanted || size == Some(wanted.as_str())
            };
            let word = words.iter().find(fits);
            // The usual one stands for its family.
            let usual = match wanted.as_str() {
                "rsa" => Some("rsa-2048"),
                "ec" | "ecdsa" => Some("ec-p256"),
                _ => None,
            };
            Some(format!("{name}: {}", word.map(String::as_str).or(usual)?))
        }
        _ => None,
    }
}

/// Of some parameters exactly one must be written. Whether a template gives null is known only when
/// the plan runs.
fn one_of(raw: &RawStep<'_>, signature: &Signature, decoder: &mut Decoder<'_>) {
    let (at, entries) = parameters_place(raw);
    let given: Vec<&Key> = entries
        .iter()
        .map(|(key, _)| key)
        .filter(|key| signature.one_of.contains(&key.name.as_str()))
        .collect();
    let slip = |(key, _): &(Key, Node)| {
        signature.parameter(&key.name).is_none()
            && nearest(&key.name, signature.one_of.iter().copied()).is_some()
    };
    let choice = list(signature.one_of.iter().copied());
    let diagnostic = match given.as_slice() {
        [] if signature.one_of.is_empty() || entries.iter().any(slip) => return,
        [] => Diagnostic::error(
            "missing-parameter",
            format!("step `{}` has none of the parameters {choice}", raw.id.value),
        )
        .at(at, format!("`{}` needs one of them", signature.name)),
        [_] => return,
        [first, second, ..] => Diagnostic::error(
            "parameters-exclude",
            format!("step `{}` has both `{}` and `{}`", raw.id.value, first.name, second.name),
        )
        .at(second.span, "one of them has no meaning beside the other")
        .also(first.span, "this is the other"),
    };
    let fields = signature.one_of.iter().filter_map(|name| signature.parameter(name));
    decoder.push(fields.fold(diagnostic, |diagnostic, field| {
        diagnostic.help(format!("`{}` ({}): {}", field.name, field.value_type, field.description))
    }));
}

/// Where the parameters of a step stand, and what they are.
fn parameters_place<'r>(raw: &'r RawStep<'_>) -> (Span, &'r [(Key, Node)]) {
    match (&raw.with, &raw.uses) {
        (Some((key, entries)), _) => (*key, *entries),
        (None, Some(uses)) => (uses.span, &[][..]),
        (None, None) => (raw.id.span, &[][..]),
    }
}

fn missing_parameters(raw: &RawStep<'_>, signature: &Signature, decoder: &mut Decoder<'_>) {
    let (at, entries) = parameters_place(raw);
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
