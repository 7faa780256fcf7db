//! Checks that an order does not wait for.
//!
//! A step that fails stops only what needs it. A plan that checks something "before" it orders, and
//! whose order does not need that step, orders all the same, and nobody sees it in the file.

use super::StepInfo;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::plan::signature::Signature;

/// Warns of every check that stands neither before nor behind the order.
pub(super) fn warn(plan: &Plan, infos: &[StepInfo], decoder: &mut Decoder<'_>) {
    let is = |wanted: fn(&Signature) -> bool| {
        infos.iter().filter(move |info| !info.finally && info.signature.is_some_and(wanted))
    };
    let (Some(order), Ok(graph)) = (is(Signature::obtains_certificate).next(), plan.graph()) else {
        return;
    };
    let before = graph.ancestors(&order.id);
    for check in is(Signature::only_checks).filter(|check| !before.contains(&check.id)) {
        if graph.ancestors(&check.id).contains(&order.id) {
            continue;
        }
        let (order_id, check_id) = (&order.id, &check.id);
        decoder.push(
            Diagnostic::warning(
                "not-waited-for",
                format!("step `{order_id}` orders even when `{check_id}` fails"),
            )
            .at(check.span, format!("`{order_id}` does not wait for this check"))
            .also(order.span, format!("needs neither `{check_id}` nor a step that needs it"))
            .help(format!("let it wait: `needs: [{check_id}]` in step `{order_id}`"))
            .help(format!(
                "or, when this is about the certificate: `needs: [{order_id}]` in step \
                 `{check_id}`"
            )),
        );
    }
}
