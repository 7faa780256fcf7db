//! How long it takes to check plans.

use std::fmt::Write;

use certplan::document::SourceFile;
use certplan::plan::parse_plan;

fn main() {
    divan::main();
}

/// A plan with `count` steps, most of which look a product up and read the step before.
fn plan_with_steps(count: usize) -> SourceFile {
    let mut text = String::from(
        "certplan: 1\nname: large\ninputs:\n  product: { type: string, default: SecureSite }\nsteps:\n",
    );
    for number in 0..count {
        let sku = match number {
            0 => "inputs.product".to_owned(),
            _ => format!("steps.product_{}.sku", number - 1),
        };
        let _ = write!(
            text,
            "  - id: product_{number}\n    uses: regfish.list_products\n    share: batch\n    with:\n      \
             sku: \"{{{{ {sku} }}}}\"\n      require: {{ validation_level: ov, organization_required: \
             true }}\n    retry: {{ attempts: 3, backoff: 5s }}\n"
        );
    }
    SourceFile::new("large.yaml", &text)
}

#[divan::bench(args = [10, 1_000, 2_000])]
fn check_a_plan_with_steps(bencher: divan::Bencher<'_, '_>, count: usize) {
    let file = plan_with_steps(count);
    bencher.bench(|| assert!(parse_plan(&file).is_ok()));
}

#[divan::bench]
fn check_the_ov_plan_that_ships(bencher: divan::Bencher<'_, '_>) {
    let file = SourceFile::new("ov-staged.yaml", include_str!("../plans/ov-staged.yaml"));
    bencher.bench(|| assert!(parse_plan(&file).is_ok()));
}

/// The same mistake over and over, drawn in full.
#[divan::bench(args = [1, 1_000])]
fn show_the_mistakes_of_a_plan(bencher: divan::Bencher<'_, '_>, count: usize) {
    let file = plan_with_steps(count);
    let text = file.text().replace("sku: \"", "skuu: \"");
    let file = SourceFile::new("large.yaml", &text);
    bencher.bench(|| parse_plan(&file).map_err(|diagnostics| diagnostics.render(false)).is_err());
}
