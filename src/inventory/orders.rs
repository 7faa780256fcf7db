//! What targets order, held against what is known of names and products.

use serde_json::Value;

use super::model::{PlanPath, Target};
use super::quick::{QuickMap, QuickSet};
use super::raw::{InventoryFile, RawTarget};
use super::resolve::{KnownPlan, Plans};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::list;
use crate::plan::{
    LONGEST_COMMON_NAME, MOST_NAMES, NameFault, PRODUCTS, Plan, Template, documented_product,
    is_for_single_names, name_fault, nearest_product,
};
use crate::types::{DomainName, printable, shorten};

/// No value in a message is longer, in characters.
const SHOWN: usize = 60;

/// Reports names that no certificate can be had for, and products that are hardly meant.
pub(super) fn check(
    targets: &[Target],
    plans: &Plans,
    written: &mut Written<'_>,
    found: &mut [Diagnostics],
) {
    let ready = plans.known.iter().filter_map(|(path, plan)| match plan {
        KnownPlan::Ready(plan) => Some((path, Order::of(plan)?)),
        KnownPlan::Refused { .. } => None,
    });
    let orders: QuickMap<&PlanPath, Order> = ready.collect();
    // What stands in one place for many targets is told once.
    let mut told: QuickSet<(usize, Span)> = QuickSet::default();
    for target in targets {
        let Some(order) = target.plan.as_ref().and_then(|plan| orders.get(plan)) else { continue };
        let sku = order.product.as_ref().and_then(|product| product.of(target));
        if let Some(name) = order.long_common_name(target) {
            let place = written.name(target, &name);
            if told.insert(place) {
                found[place.0].push(too_long(&name, place.1));
            }
        }
        if target.names.len() > MOST_NAMES && told.insert(target.place) {
            found[target.place.0].push(too_many(target.names.len(), target.place.1));
        }
        for name in &target.names {
            let single = name.is_wildcard() && sku.is_some_and(is_for_single_names);
            let Some(diagnostic) = about(name, if single { sku } else { None }) else { continue };
            let place = written.name(target, name);
            if told.insert(place) {
                found[place.0].push(diagnostic(place.1));
            }
        }
        if let (Some(sku), Some(Product::Input(input))) = (sku, &order.product)
            && !sku.trim().is_empty()
            && documented_product(sku.trim()).is_none()
        {
            // The default of the plan is the plan's own business.
            let Some(place) = written.input(target, input) else { continue };
            if told.insert(place) {
                found[place.0].push(unknown_product(sku, place.1));
            }
        }
    }
}

/// What is to be said about a name, when there is anything; `single` is the product of its order,
/// when that is for single names and this is a wildcard.
fn about(name: &DomainName, single: Option<&str>) -> Option<impl FnOnce(Span) -> Diagnostic> {
    let shown = name.as_str();
    let diagnostic = match (name_fault(name), single) {
        (Some(NameFault::Never(reason)), _) => {
            let message = format!("no certificate can be had for `{shown}`");
            (Diagnostic::error("no-public-name", message), reason, None)
        }
        (Some(NameFault::Hardly(reason)), _) => {
            let message = format!("is `{shown}` really meant?");
            (Diagnostic::warning("no-public-name", message), reason, None)
        }
        (None, Some(sku)) => {
            let sku = shorten(&printable(sku), SHOWN);
            let message = format!("`{sku}` is hardly sold for `{shown}`");
            let help = "of the documented products, `RapidSSLWildcard` is made for wildcards";
            let diagnostic = Diagnostic::warning("wildcard-product", message);
            (diagnostic, "a wildcard stands for many names", Some(help))
        }
        (None, None) => return None,
    };
    let (diagnostic, remark, help) = diagnostic;
    Some(move |span| help.into_iter().fold(diagnostic.at(span, remark), Diagnostic::help))
}

fn too_long(name: &DomainName, span: Span) -> Diagnostic {
    let message = "this name is too long for a common name";
    let length = name.as_str().len();
    let remark = format!("it has {length} characters, and a certificate can hold 64");
    Diagnostic::error("unusable-value", message)
        .at(span, remark)
        .help("let a shorter name be the first one, and this one of the further names")
}

fn too_many(names: usize, span: Span) -> Diagnostic {
    Diagnostic::warning("too-many-names", format!("the order of this target is for {names} names"))
        .at(span, format!("a certificate holds {MOST_NAMES} at most"))
        .help("order several certificates")
}

fn unknown_product(sku: &str, span: Span) -> Diagnostic {
    let shown = shorten(&printable(sku.trim()), SHOWN);
    let message = format!("no documentation has a product `{shown}`");
    let diagnostic = Diagnostic::warning("unknown-product", message).at(span, "unknown product");
    let diagnostic = match nearest_product(sku.trim()) {
        Some(near) => diagnostic.suggest(span, near, format!("did you mean `{near}`?")),
        None => diagnostic,
    };
    diagnostic.help(format!("documented: {}; the vendor's catalog decides", list(PRODUCTS)))
}

/// What a plan orders, as far as its targets decide.
struct Order {
    product: Option<Product>,
    /// The input that is the common name of the certificate request.
    common_name: Option<String>,
}

enum Product {
    Fixed(String),
    /// The input that names it.
    Input(String),
}

impl Order {
    fn of(plan: &Plan) -> Option<Self> {
        let order = plan.steps.values().find(|step| step.uses == "regfish.create_order")?;
        let sku = order.with.get("sku");
        // Most plans look the product up and order what the catalog calls it.
        let looked_up = match sku {
            Some(Template::Expression(code)) => code
                .trim()
                .strip_prefix("steps.")
                .and_then(|rest| rest.strip_suffix(".sku"))
                .and_then(|id| plan.steps.values().find(|step| step.id.as_str() == id))
                .filter(|step| step.uses == "regfish.list_products")
                .and_then(|step| step.with.get("sku")),
            _ => None,
        };
        let product = match looked_up.or(sku) {
            Some(Template::Literal(Value::String(sku))) => Some(Product::Fixed(sku.clone())),
            Some(template) => input_of(plan, template).map(Product::Input),
            None => None,
        };
        let request = plan.steps.values().find(|step| step.uses == "x509.create_csr");
        let common_name = request.filter(|step| step.when.is_none());
        let common_name = common_name.and_then(|step| step.with.get("common_name"));
        Some(Self { product, common_name: common_name.and_then(|it| input_of(plan, it)) })
    }

    /// The common name of a target, when no certificate request can hold it.
    fn long_common_name(&self, target: &Target) -> Option<DomainName> {
        let text = target.value_of(self.common_name.as_ref()?)?.as_str()?;
        let name = DomainName::parse(text).ok()?;
        (name.as_str().len() > LONGEST_COMMON_NAME).then_some(name)
    }
}

/// The input that a value passes on as it is.
fn input_of(plan: &Plan, template: &Template) -> Option<String> {
    let Template::Expression(code) = template else { return None };
    let name = code.trim().strip_prefix("inputs.")?;
    plan.inputs.contains_key(name).then(|| name.to_owned())
}

impl Product {
    fn of<'t>(&'t self, target: &'t Target) -> Option<&'t str> {
        match self {
            Self::Fixed(sku) => Some(sku),
            Self::Input(name) => target.value_of(name)?.as_str(),
        }
    }
}

/// Where things are written in the files.
pub(super) struct Written<'f> {
    files: &'f [InventoryFile],
    /// Targets by the place of their names; made when the first is looked for.
    by_place: Option<QuickMap<(usize, usize), &'f RawTarget>>,
}

impl<'f> Written<'f> {
    pub(super) fn new(files: &'f [InventoryFile]) -> Self {
        Self { files, by_place: None }
    }

    fn raw(&mut self, target: &Target) -> Option<&'f RawTarget> {
        let files = self.files;
        let by_place = self.by_place.get_or_insert_with(|| {
            let targets = files.iter().enumerate().flat_map(|(index, file)| {
                file.targets.iter().map(move |raw| ((index, raw.name.span.start), raw))
            });
            targets.collect()
        });
        by_place.get(&(target.place.0, target.place.1.start)).copied()
    }

    /// The place of a name of a target: where the target gives it, else the target.
    fn name(&mut self, target: &Target, name: &DomainName) -> (usize, Span) {
        let inputs = self.raw(target).map_or(&[][..], |raw| &raw.inputs);
        let span = inputs.iter().find_map(|(_, node)| place_of(node, name));
        (target.place.0, span.unwrap_or(target.place.1))
    }

    /// The place of an input's value: at the target, in one of its groups, or under `defaults`.
    pub(super) fn input(&mut self, target: &Target, input: &str) -> Option<(usize, Span)> {
        let own = self.raw(target).and_then(|raw| given(&raw.inputs, input));
        if let Some(span) = own {
            return Some((target.place.0, span));
        }
        for (index, file) in self.files.iter().enumerate() {
            let mut groups = file.groups.iter();
            let group = groups.find(|group| {
                target.groups.contains(&group.name.value) && given(&group.inputs, input).is_some()
            });
            if let Some(span) = group.and_then(|group| given(&group.inputs, input)) {
                return Some((index, span));
            }
        }
        let defaults = &self.files.get(target.place.0)?.defaults;
        Some((target.place.0, given(defaults, input)?))
    }
}

fn given(inputs: &[(crate::document::node::Key, Node)], name: &str) -> Option<Span> {
    super::scope::given(inputs, name).map(|(_, node)| node.span)
}

/// Where a name stands in a value.
fn place_of(node: &Node, name: &DomainName) -> Option<Span> {
    match &node.kind {
        Kind::String(text) => (DomainName::parse(text).as_ref() == Ok(name)).then_some(node.span),
        Kind::Seq(items) => items.iter().find_map(|item| place_of(item, name)),
        _ => None,
    }
}
