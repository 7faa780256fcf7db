//! Where the certificate comes from that a step is about.

use super::model::{Step, Template};
use crate::types::StepMap;

/// The order whose certificate a step is about, when its `certificate_id` leads there from step to
/// step. A plan may be about another certificate as well, such as the former one.
pub fn order_of<'p>(steps: &'p StepMap<Step>, step: &'p Step) -> Option<&'p Step> {
    origin(steps, step, |step| step.uses == "regfish.create_order")
}

/// The order or the reissue whose certificate a step is about: [`order_of`], except that it ends at
/// the first step that has a certificate issued.
pub(super) fn issuance_of<'p>(steps: &'p StepMap<Step>, step: &'p Step) -> Option<&'p Step> {
    let issues =
        |step: &Step| super::signature::find(&step.uses).is_some_and(|it| it.obtains_certificate());
    origin(steps, step, issues)
}

fn origin<'p>(
    steps: &'p StepMap<Step>,
    step: &'p Step,
    is_origin: impl Fn(&Step) -> bool,
) -> Option<&'p Step> {
    let mut step = step;
    // Each turn goes one step back; a circle is reported elsewhere.
    for _ in 0..steps.len() {
        let id = source_of(step, "certificate_id", "certificate_id")?;
        step = steps.get(id)?;
        if is_origin(step) {
            return Some(step);
        }
    }
    None
}

/// The step whose output `field` a parameter passes on as it is.
pub(super) fn source_of<'p>(step: &'p Step, parameter: &str, field: &str) -> Option<&'p str> {
    let Template::Expression(code) = step.with.get(parameter)? else { return None };
    code.trim().strip_prefix("steps.")?.strip_suffix(field)?.strip_suffix('.')
}
