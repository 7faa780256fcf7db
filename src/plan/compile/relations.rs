//! Steps that do not fit together about one certificate: the key of another request, and a wait for
//! what only comes after it. Each of them would fail after the order is paid.
//!
//! Only what is certain is told: a step that may be skipped or may fail without harm, and a reference
//! that is more than a path, are left alone.

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::source::Span;
use crate::graph::StepGraph;
use crate::plan::certificate_origin::{issuance_of, order_of, source_of};
use crate::plan::model::{OnFailure, Plan, Step, Template};
use crate::plan::raw::RawPlan;
use crate::types::{StepId, StepMap};

type Steps = StepMap<Step>;

/// What a certificate never comes without.
const AWAITS_ISSUANCE: [&str; 2] = ["regfish.wait_issued", "regfish.download"];
/// What an order does not get before it is completed.
const AWAITS_COMPLETION: [&str; 3] =
    ["regfish.wait_dns_records", "regfish.wait_issued", "regfish.download"];
/// Programs and servers of others can put proofs and wait for anything.
const DOES_ANYTHING: [&str; 3] = ["command.run", "http.request", "digicert.order_validation"];

/// A download is proved against its key; the certificate has that of the request that was sent.
pub(super) fn check_keys(raw: &RawPlan<'_>, steps: &Steps, decoder: &mut Decoder<'_>) {
    for step in steps.values().filter(|step| step.uses == "regfish.download") {
        let Some((requested, given)) = other_key(steps, step) else { continue };
        let (sent, key) = (&requested.id, &given.id);
        let message =
            format!("the certificate is for the key of `{sent}`, not for that of `{key}`");
        let better = format!("steps.{sent}.key_file");
        let mut diagnostic = Diagnostic::error("keys-differ", message)
            .at(place(raw, &step.id, Some("key")), "the download would be refused")
            .help(format!("did you mean `{{{{ {better} }}}}`?"));
        if let Some(issuance) = issuance_of(steps, step) {
            let csr = place(raw, &issuance.id, Some("csr"));
            diagnostic = diagnostic.also(csr, "this request is sent");
        }
        decoder.push(diagnostic);
    }
}

/// The step whose request was sent, and the other one whose key a download has.
fn other_key<'p>(steps: &'p Steps, download: &'p Step) -> Option<(&'p Step, &'p Step)> {
    let request = |step, parameter, field| {
        let found = steps.get(source_of(step, parameter, field)?)?;
        // Two requests may be made for one former key.
        (found.uses == "x509.create_csr" && !found.with.contains_key("reuse_key")).then_some(found)
    };
    let requested = request(issuance_of(steps, download)?, "csr", "csr")?;
    let given = request(download, "key", "key_file")?;
    (requested.id != given.id).then_some((requested, given))
}

/// Reports every step that a wait before it waits for.
pub(super) fn check_waits(raw: &RawPlan<'_>, steps: &Steps, decoder: &mut Decoder<'_>) {
    let Ok(graph) = StepGraph::new(steps.values().map(|step| (&step.id, &step.needs))) else {
        return;
    };
    for step in steps.values().filter(|step| !step.finally) {
        let (wait, what) = match step.uses.as_str() {
            "regfish.put_records" => (proof_too_late(steps, &graph, step), "puts the proof"),
            "regfish.complete_order" => {
                (completed_too_late(steps, &graph, step), "completes the order")
            }
            _ => continue,
        };
        let Some(wait) = wait else { continue };
        let (id, wait) = (&step.id, &wait.id);
        decoder.push(
            Diagnostic::error("never-comes", format!("step `{id}` {what} that `{wait}` waits for"))
                .at(place(raw, id, None), format!("comes after `{wait}`, and so never"))
                .also(place(raw, wait, None), format!("ends only when `{id}` is done"))
                .help(format!(
                    "turn them round: `needs: [{id}]` in step `{wait}`, and nothing of `{wait}` before \
                     `{id}`"
                )),
        );
    }
}

/// The wait for the certificate that stands before the proof of its names.
fn proof_too_late<'p>(steps: &'p Steps, graph: &StepGraph, put: &Step) -> Option<&'p Step> {
    if put.when.is_some() {
        return None;
    }
    let issuance = proved_by(steps, put)?;
    let by_records = match issuance.with.get("dcv_method") {
        None => true,
        Some(Template::Literal(method)) => method.as_str() == Some("dns-cname-token"),
        Some(_) => false,
    };
    let puts_proofs = |id: &StepId| {
        let is = |step: &Step| step.uses == put.uses || DOES_ANYTHING.contains(&step.uses.as_str());
        steps.get(id).is_some_and(is)
    };
    let wait = wait_before(steps, graph, put, issuance, &AWAITS_ISSUANCE)?;
    (by_records && !graph.ancestors(&wait.id).iter().any(puts_proofs)).then_some(wait)
}

/// The wait for something of the order that stands before the step which completes it.
fn completed_too_late<'p>(steps: &'p Steps, graph: &StepGraph, step: &'p Step) -> Option<&'p Step> {
    let order = order_of(steps, step)?;
    let is_given = |step: &Step, name: &str| {
        step.with
            .get(name)
            .is_some_and(|given| *given != Template::Literal(serde_json::Value::Null))
    };
    // A person may complete it in the Console meanwhile, and an order with an organization is none
    // that waits for one.
    if is_given(order, "org_id") || !is_given(step, "org_id") {
        return None;
    }
    let others = |id: &StepId| {
        let is =
            |other: &Step| other.uses == step.uses || DOES_ANYTHING.contains(&other.uses.as_str());
        steps.get(id).is_some_and(is)
    };
    let wait = wait_before(steps, graph, step, order, &AWAITS_COMPLETION)?;
    (!graph.ancestors(&wait.id).iter().any(others)).then_some(wait)
}

/// The first step before `step` that waits for something of `issuance`, and that always does.
fn wait_before<'p>(
    steps: &'p Steps,
    graph: &StepGraph,
    step: &Step,
    issuance: &Step,
    waits: &[&str],
) -> Option<&'p Step> {
    let before = graph.ancestors(&step.id);
    let of_it = |wait: &&Step| {
        waits.contains(&wait.uses.as_str())
            && wait.when.is_none()
            && wait.on_failure == OnFailure::Block
            && issuance_of(steps, wait).is_some_and(|found| found.id == issuance.id)
    };
    let mut order = graph.order().iter().filter(|id| before.contains(*id));
    order.find_map(|id| steps.get(id).filter(of_it))
}

/// The order or the reissue whose names the records of a step prove.
fn proved_by<'p>(steps: &'p Steps, put: &'p Step) -> Option<&'p Step> {
    let validation = steps.get(source_of(put, "records", "dns_records")?)?;
    (validation.uses == "regfish.wait_dns_records").then(|| issuance_of(steps, validation))?
}

/// Warns of every step that deletes a proof and does not wait until the CA has looked at it.
pub(super) fn warn_of_deletions(raw: &RawPlan<'_>, plan: &Plan, decoder: &mut Decoder<'_>) {
    let (steps, Ok(graph)) = (&plan.steps, plan.graph()) else { return };
    let is_deletion = |step: &&Step| step.uses == "regfish.delete_records" && !step.finally;
    for step in steps.values().filter(is_deletion) {
        let put = source_of(step, "records", "records").and_then(|id| steps.get(id));
        let Some(put) = put.filter(|put| put.uses == "regfish.put_records") else { continue };
        let Some(issuance) = proved_by(steps, put) else { continue };
        let waits = |id: &StepId| {
            let Some(wait) = steps.get(id) else { return false };
            let uses = wait.uses.as_str();
            let is_other = || issuance_of(steps, wait).is_some_and(|it| it.id != issuance.id);
            DOES_ANYTHING.contains(&uses) || (AWAITS_ISSUANCE.contains(&uses) && !is_other())
        };
        if graph.ancestors(&step.id).iter().any(waits) {
            continue;
        }
        let (id, made) = (&step.id, &put.id);
        let diagnostic = Diagnostic::warning(
            "not-waited-for",
            format!("step `{id}` deletes the proof before the certificate is issued"),
        )
        .at(place(raw, id, None), "does not wait until the certificate is there")
        .also(place(raw, made, None), "the proof is put here");
        let waiting = steps.values().find(|wait| {
            let before = graph.ancestors(&wait.id);
            AWAITS_ISSUANCE.contains(&wait.uses.as_str()) && !before.contains(id)
        });
        decoder.push(match waiting {
            Some(wait) => {
                diagnostic.help(format!("let it wait: `needs: [{}]` in step `{id}`", wait.id))
            }
            None => diagnostic.help("let it wait for a step that uses `regfish.wait_issued`"),
        });
    }
}

/// Where a parameter of a step stands, or the step itself.
pub(super) fn place(raw: &RawPlan<'_>, id: &StepId, parameter: Option<&str>) -> Span {
    let Some(step) = raw.steps.iter().find(|step| step.id.value == *id) else {
        return Span::default();
    };
    let entries = step.with.map_or(&[][..], |(_, entries)| entries);
    let written = entries.iter().find(|(key, _)| parameter == Some(key.name.as_str()));
    written.map_or(step.id.span, |(_, node)| node.span)
}
