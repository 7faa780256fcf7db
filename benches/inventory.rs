//! How long it takes to read an inventory and to check every target against its plan.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use certplan::document::SourceFile;
use certplan::inventory::{Format, InventoryFile, KnownPlan, PlanPath, Plans, resolve};
use certplan::plan::parse_plan;

fn main() {
    divan::main();
}

/// Five megabytes of targets with two names each, some in a group.
fn large_inventory() -> SourceFile {
    let mut text = String::from(
        "certplan_inventory: 1\nplan: dv.yaml\ngroups:\n  short: { inputs: { validity_days: 90 } }\ntargets:\n",
    );
    let mut number = 0;
    while text.len() < 5_000_000 {
        let _ = writeln!(
            text,
            "  www.domain-{number}.example: {{ groups: [short], inputs: {{ dns_names: [domain-{number}.example] }} }}"
        );
        number += 1;
    }
    SourceFile::new("inventory.yaml", &text)
}

#[divan::bench]
fn check_an_inventory_of_five_megabytes(bencher: divan::Bencher<'_, '_>) {
    let file = large_inventory();
    let plan = SourceFile::new("dv.yaml", include_str!("../plans/dv.yaml"));
    let Ok((plan, _)) = parse_plan(&plan) else { return };
    let known = [(PlanPath::new(Path::new("dv.yaml")), KnownPlan::Ready(Arc::new(plan)))];
    let plans = Plans { known: known.into(), fallback: None, required: true };
    bencher.bench(|| {
        let resolution = resolve(vec![InventoryFile::parse(&file, Format::Yaml)], &plans);
        assert!(!resolution.has_errors());
        resolution
    });
}
