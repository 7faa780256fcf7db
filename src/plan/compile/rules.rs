//! The rules of actions ([`Rule`]), held against what is written: what no input and no answer changes
//! is told when the plan is checked.
//!
//! [`Rule`]: crate::plan::signature::Rule

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::StepInfo;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::model::{Step, Template};
use crate::plan::partial::Partly;
use crate::plan::partial_check::check_fields;
use crate::plan::raw::RawStep;
use crate::plan::signature::{Breach, Given, Signature};

/// Reports what the rules of its action say against a step. What is said of the parameters that
/// `misfit` was reported already; for the rules, they are not known.
pub(super) fn check(
    raw: &RawStep<'_>,
    info: &StepInfo,
    (step, misfit): (&Step, &BTreeSet<String>),
    decoder: &mut Decoder<'_>,
) {
    let Some(signature) = info.signature else { return };
    let entries = step.with.iter().map(|(name, template)| {
        let value = match misfit.contains(name) {
            true => Partly::Unknown(name.clone()),
            false => constant(template),
        };
        (name.clone(), value)
    });
    let Ok(parameters) = check_fields(&signature.parameters, &entries.collect()) else { return };
    let given = Given { parameters: &parameters, timeout: step.timeout };
    for breach in signature.breaches(&given) {
        report(raw, breach, decoder);
    }
}

/// What is written of a step's parameters, in their normal form; none while they misfit.
pub(super) fn written<'s>(
    step: &Step,
    signature: &'s Signature,
) -> Option<(&'s Signature, IndexMap<String, Partly>)> {
    let entries = step.with.iter().map(|(name, template)| (name.clone(), constant(template)));
    let parameters = check_fields(&signature.parameters, &entries.collect()).ok()?;
    Some((signature, parameters))
}

/// A template as far as it has no code.
fn constant(template: &Template) -> Partly {
    match template {
        Template::Literal(value) => Partly::Known(value.clone()),
        Template::Expression(code) => Partly::Unknown(code.clone()),
        Template::Text(text) => Partly::Text { shown: text.clone(), unknown: Vec::new() },
        Template::List(items) => Partly::List(items.iter().map(constant).collect()),
        Template::Map(entries) => {
            Partly::Map(entries.iter().map(|(name, item)| (name.clone(), constant(item))).collect())
        }
    }
}

/// The breach as it is told, and what must not be shown hidden.
fn report(raw: &RawStep<'_>, breach: Breach, decoder: &mut Decoder<'_>) {
    let entries = raw.with.map(|(_, entries)| entries).unwrap_or_default();
    let is_written = |name: &str| entries.iter().any(|(key, _)| key.name == name);
    if breach.unless_written.is_some_and(is_written) {
        return;
    }
    let Place { name, value } = place(raw, &breach.at);
    if let (true, Some(node)) = (breach.is_secret, value) {
        decoder.mask(node);
    }
    let at = match value {
        Some(node) if !breach.is_name && !is_block(node) => node.span,
        _ => name,
    };
    let diagnostic = match breach.is_doubt {
        true => Diagnostic::warning(breach.code, breach.message),
        false => Diagnostic::error(breach.code, breach.message),
    };
    let diagnostic = diagnostic.at(at, breach.remark);
    let diagnostic = match breach.instead {
        Some(instead) => diagnostic.suggest(at, instead, format!("did you mean `{instead}`?")),
        None => diagnostic,
    };
    let diagnostic = breach.help.into_iter().fold(diagnostic, Diagnostic::help);
    decoder.push(match breach.also {
        Some((other, remark)) => diagnostic.also(place(raw, &[other.to_owned()]).name, remark),
        None => diagnostic,
    });
}

/// A map or a list: what is written of it has no extent that could be shown.
pub(super) fn is_block(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_) | Kind::Seq(_))
}

/// Where a part of the parameters stands.
pub(super) struct Place<'n> {
    /// Its name, or that of the nearest part around it that has one.
    pub(super) name: Span,
    /// What is written there, unless nothing is.
    pub(super) value: Option<&'n Node>,
}

/// The part at a path below `with`.
pub(super) fn place<'n>(raw: &RawStep<'n>, path: &[String]) -> Place<'n> {
    let (mut name, mut entries) = match (&raw.with, &raw.uses) {
        (Some((key, entries)), _) => (*key, *entries),
        (None, Some(uses)) => (uses.span, &[][..]),
        (None, None) => (raw.id.span, &[][..]),
    };
    let (mut items, mut value): (&[Node], _) = (&[], None);
    for part in path {
        let item = part.parse().ok().and_then(|at: usize| items.get(at));
        let node = match (entries.iter().find(|(key, _)| key.name == *part), item) {
            (Some((key, node)), _) => {
                name = key.span;
                node
            }
            (None, Some(node)) => node,
            (None, None) => return Place { name, value: None },
        };
        (entries, items) = match &node.kind {
            Kind::Map(entries) => (entries.as_slice(), &[][..]),
            Kind::Seq(items) => (&[][..], items.as_slice()),
            _ => (&[][..], &[][..]),
        };
        value = Some(node);
    }
    Place { name, value }
}
