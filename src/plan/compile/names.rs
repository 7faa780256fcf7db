//! The names of an order, held against those of its request and of what is fetched for it.

use super::rules::written;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::plan::certificate_origin::order_of;
use crate::plan::model::Step;
use crate::plan::raw::RawPlan;
use crate::plan::signature::{find, missing_name, names_differ};
use crate::plan::template::{Parsed, parse};
use crate::types::StepMap;

/// An order is refused when its certificate request is for other names. Where both are written, it is
/// seen here; the request is made by the step that the order reads it from.
pub(super) fn check_requests(raw: &RawPlan<'_>, steps: &StepMap<Step>, decoder: &mut Decoder<'_>) {
    for order in raw.steps.iter() {
        let Some((_, entries)) = order.with else { continue };
        let of = |id: &str| {
            let step = steps.get(id)?;
            Some(written(step, find(&step.uses)?)?.1)
        };
        let found = entries.iter().find(|(key, _)| key.name == "csr").and_then(|(_, node)| {
            let id = made_by(node)?;
            let (order, request) = (steps.get(order.id.value.as_str())?, steps.get(id.as_str())?);
            let differ = names_differ(
                (&order.uses, &of(order.id.as_str())?),
                (&request.uses, &of(request.id.as_str())?),
            )?;
            Some((node, id, differ))
        });
        let Some((node, id, differ)) = found else { continue };
        let made = raw.steps.iter().find(|step| step.id.value.as_str() == id);
        let diagnostic = Diagnostic::error("names-differ", differ)
            .at(node.span, "the vendor would be asked for names that its request does not have");
        decoder.push(match made {
            Some(made) => diagnostic.also(made.id.span, "the request is made here"),
            None => diagnostic,
        });
    }
}

/// The step whose `csr` a parameter passes on as it is.
fn made_by(node: &Node) -> Option<String> {
    let Ok(Parsed::Expression { inside, .. }) = parse(node.as_str()?) else { return None };
    let id = inside.strip_prefix("steps.")?.strip_suffix(".csr")?;
    Some(id.to_owned())
}

/// A download is proved against names; one that was not ordered is never found in it.
pub(super) fn check_downloads(raw: &RawPlan<'_>, steps: &StepMap<Step>, decoder: &mut Decoder<'_>) {
    for raw_step in raw.steps.iter() {
        let Some(step) = steps.get(raw_step.id.value.as_str()) else { continue };
        if step.uses != "regfish.download" {
            continue;
        }
        let Some(order) = order_of(steps, step) else { continue };
        let of = |step: &Step| Some(written(step, find(&step.uses)?)?.1);
        let Some((ordered, expected)) = of(order).zip(of(step)) else { continue };
        let Some((index, name)) = missing_name(&ordered, &expected) else { continue };
        let listed = raw_step.with.and_then(|(_, entries)| {
            let (key, node) = entries.iter().find(|(key, _)| key.name == "names")?;
            match &node.kind {
                Kind::Seq(items) => Some(items.get(index)?.span),
                _ => Some(key.span),
            }
        });
        let diagnostic =
            Diagnostic::error("names-differ", format!("`{name}` is expected and was not ordered"))
                .at(listed.unwrap_or(raw_step.id.span), "the certificate will not hold it")
                .help("leave `names` out: the names of the order are expected then");
        let ordered = raw.steps.iter().find(|raw| raw.id.value == order.id);
        decoder.push(match ordered {
            Some(ordered) => diagnostic.also(ordered.id.span, "the order"),
            None => diagnostic,
        });
    }
}
