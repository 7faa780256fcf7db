//! Which steps a step reads, and which of them it only waits for.
//!
//! A compiled [`Step`] keeps one set of needs, since running it asks for no more. People who look at
//! a drawing want to know where an edge comes from: from a reference or from `needs`.

use std::collections::BTreeSet;

use super::model::{Step, Template};
use super::scan::{Scan, scan_expression, scan_text};
use crate::types::StepId;

impl Step {
    /// The steps whose output this step reads, in its condition or in a parameter.
    pub fn references(&self) -> BTreeSet<StepId> {
        let mut names = BTreeSet::new();
        if let Some(when) = &self.when {
            collect(&scan_expression(when), &mut names);
        }
        for template in self.with.values() {
            collect_template(template, &mut names);
        }
        self.needs.iter().filter(|need| names.contains(need.as_str())).cloned().collect()
    }
}

fn collect_template(template: &Template, names: &mut BTreeSet<String>) {
    match template {
        Template::Literal(_) => {}
        Template::Expression(expression) => collect(&scan_expression(expression), names),
        Template::Text(text) => collect(&scan_text(text), names),
        Template::List(items) => items.iter().for_each(|item| collect_template(item, names)),
        Template::Map(entries) => entries.values().for_each(|item| collect_template(item, names)),
    }
}

fn collect(scan: &Scan, names: &mut BTreeSet<String>) {
    let of_steps =
        |path: &&super::scan::Path| path.name(0).is_some_and(|root| root.text == "steps");
    let steps = scan.paths.iter().filter(of_steps).filter_map(|path| path.name(1));
    names.extend(steps.map(|step| step.text.clone()));
}

#[cfg(test)]
mod tests {
    use crate::document::SourceFile;
    use crate::plan::parse_plan;

    #[test]
    fn a_reference_is_told_from_a_mere_need() {
        let text = "certplan: 1\nname: x\nsteps:\n  \
                    - { id: a, uses: regfish.list_products, with: { sku: X } }\n  \
                    - { id: b, uses: regfish.list_products, with: { sku: X } }\n  \
                    - { id: c, uses: regfish.list_products, with: { sku: X } }\n  \
                    - id: d\n    uses: regfish.list_products\n    needs: [a, b]\n    \
                    when: steps.c.sku == 'X'\n    with: { sku: \"x{{ steps.a.sku }}\" }\n";
        let file = SourceFile::new("plan.yaml", text);
        let (plan, _) = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap();
        let step = &plan.steps["d"];
        let names = |ids: &std::collections::BTreeSet<_>| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(&step.references()), ["a", "c"]);
        assert_eq!(names(&step.needs), ["a", "b", "c"]);
    }
}
