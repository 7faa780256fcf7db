//! What holds for every plan, every order of outcomes, and every crash.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A random plan: step `sN` needs some of the steps before it; perhaps one of them orders.
fn steps() -> impl Strategy<Value = String> {
    (2_usize..9, any::<u64>(), 0_usize..9).prop_map(|(count, edges, order)| {
        let mut text = String::new();
        let mut bits = edges;
        for index in 0..count {
            let mut needs = Vec::new();
            for before in 0..index {
                if bits & 3 == 0 {
                    needs.push(format!("s{before}"));
                }
                bits = bits.rotate_right(2) ^ 0x9e37;
            }
            let action = match (index == order, bits & 7) {
                (true, _) => {
                    "regfish.create_order, with: { sku: X, common_name: www.example.com, csr: \
                     '{{ target }}' }"
                }
                (false, 0 | 1) => "regfish.wait_issued, with: { certificate_id: A }",
                (false, _) => "regfish.list_products, with: { sku: X }",
            };
            let on_failure = if bits & 8 == 0 { "continue" } else { "block" };
            text.push_str(&format!(
                "  - {{ id: s{index}, needs: [{}], on_failure: {on_failure}, uses: {action} }}\n",
                needs.join(", ")
            ));
        }
        if edges & 1 == 0 {
            text.push_str(&last_steps(&text, edges));
        }
        text
    })
}

/// Steps for the end: they read what may have come to be, and the second needs the first.
fn last_steps(steps: &str, bits: u64) -> String {
    let lines: Vec<&str> = steps.lines().collect();
    let read = usize::try_from(bits >> 32).unwrap() % lines.len();
    let field = if lines[read].contains("list_products") { "sku" } else { "status" };
    format!(
        "finally:\n  - id: last\n    uses: regfish.list_products\n    \
         with: {{ sku: \"{{{{ steps.s{read}.{field} | default('X') }}}}\" }}\n  \
         - id: very_last\n    needs: [last]\n    uses: regfish.wait_issued\n    \
         with: {{ certificate_id: A }}\n"
    )
}

/// An outcome that the call can have; `choice` picks.
fn outcome(call: &Call, uses: &str, choice: u8) -> Outcome {
    match call {
        Call::Prepare { .. } => match choice % 4 {
            0 => passing(),
            _ => Outcome::Prepared { intent: intent() },
        },
        Call::Send(_) => match choice % 5 {
            0 => final_failure(),
            1 => passing(),
            2 | 3 => Outcome::Unknown { error: error() },
            _ => ordered("AAAAAAAAAAAA1", BindingKind::Ordered),
        },
        Call::Reconcile(_) => match choice % 6 {
            0 => passing(),
            1 => Outcome::InDoubt { message: String::new(), candidates: Vec::new() },
            2 | 3 => Outcome::NothingFound,
            _ => ordered("AAAAAAAAAAAA1", BindingKind::Adopted),
        },
        Call::Perform | Call::Adopt(..) => match choice % 8 {
            0 => final_failure(),
            1 => passing(),
            2 if uses == "regfish.wait_issued" => parked(),
            3 | 4 if uses == "regfish.wait_issued" => not_yet("pending"),
            _ => succeeded(json!({ "sku": "X", "certificate_id": "A" })),
        },
    }
}

/// Drives a run with random outcomes and crashes; checks after every turn.
fn drive(steps: &str, choices: &[u8]) {
    let plan = plan(steps);
    let mut scene = Scene::new(Arc::clone(&plan));
    // What was sent and not yet accounted for: sending again would be a second order.
    let mut unaccounted = false;
    for choice in choices {
        if scene.phase() != "running" {
            if scene.phase() == "succeeded" {
                break;
            }
            scene.crash_and_resume();
        }
        let due = scene.due();
        let Some(command) = due.get(usize::from(*choice) % due.len().max(1)).cloned() else {
            scene.wait(Duration::from_secs(3600));
            continue;
        };
        let step = &plan.steps[&command.step];
        if step.finally {
            assert_main_part_is_over(&scene, &plan);
        }
        let ours = |need: &&StepId| plan.steps[*need].finally == step.finally;
        for need in step.needs.iter().filter(ours) {
            let state = scene.state(need.as_str());
            let goes_on = plan.steps[need].on_failure == crate::plan::OnFailure::Continue;
            let over = matches!(state, "succeeded" | "skipped")
                || (goes_on && matches!(state, "failed" | "blocked"));
            assert!(over, "{} started while {need} was {state}", command.step);
        }
        if let Call::Send(_) = command.call {
            assert!(!unaccounted, "sent again without asking");
            unaccounted = true;
        }
        if choice % 11 == 3 {
            scene.crash_and_resume();
            continue;
        }
        let outcome = outcome(&command.call, &command.uses, choice / 3);
        match (&command.call, &outcome) {
            (Call::Send(_), Outcome::Failed { .. } | Outcome::Succeeded { .. })
            | (Call::Reconcile(_), Outcome::Succeeded { .. }) => unaccounted = false,
            _ => {}
        }
        scene.finish(command.step.as_str(), outcome);
        // Only after looks that agreed is the order given up for lost.
        if command.uses == "regfish.create_order"
            && matches!(scene.state(command.step.as_str()), "retrying" | "failed")
        {
            unaccounted = false;
        }
        if matches!(scene.phase(), "succeeded" | "failed") {
            assert_last_steps_had_their_turn(&scene, &plan);
        }
        scene.assert_replays();
    }
    scene.assert_replays();
}

fn states<'s>(scene: &'s Scene, plan: &'s Plan, finally: bool) -> Vec<&'static str> {
    let steps = plan.steps.values().filter(|step| step.finally == finally);
    steps.map(|step| scene.state(step.id.as_str())).collect()
}

fn assert_main_part_is_over(scene: &Scene, plan: &Plan) {
    let states = states(scene, plan, false);
    let over = |state: &&str| matches!(*state, "succeeded" | "skipped" | "failed" | "blocked");
    assert!(states.iter().all(over), "the end began while the steps were {states:?}");
}

/// A run ends only after its last steps, unless something is left that will go on.
fn assert_last_steps_had_their_turn(scene: &Scene, plan: &Plan) {
    let goes_on = states(scene, plan, false).contains(&"parked");
    let last = states(scene, plan, true);
    assert_eq!(last.contains(&"pending"), goes_on && !last.is_empty(), "{last:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_starts_before_its_needs_nothing_is_sent_twice_and_events_replay(
        steps in steps(),
        choices in prop::collection::vec(any::<u8>(), 1..60),
    ) {
        drive(&steps, &choices);
    }
}
