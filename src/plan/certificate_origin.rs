//! Where the certificate comes from that a step is about.

use indexmap::IndexMap;

use super::model::{Step, Template};
use crate::types::StepId;

/// The order whose certificate a step is about, when its `certificate_id` leads there from step to
/// step. A plan may be about another certificate as well, such as the former one.
pub fn order_of<'p>(steps: &'p IndexMap<StepId, Step>, step: &'p Step) -> Option<&'p Step> {
    let mut step = step;
    // Each turn goes one step back; a circle is reported elsewhere.
    for _ in 0..steps.len() {
        let Template::Expression(code) = step.with.get("certificate_id")? else { return None };
        let id = code.trim().strip_prefix("steps.")?.strip_suffix(".certificate_id")?;
        step = steps.get(id)?;
        if step.uses == "regfish.create_order" {
            return Some(step);
        }
    }
    None
}
