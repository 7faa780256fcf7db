//! `Scenario`: a world to test against, written down in a file: what is there at first, how fast
//! things go, what goes wrong, and what happens by itself.
//!
//! It is read like a plan: typed, and every mistake at once, with its place. It decides nothing: it
//! becomes [`SandboxOptions`].

mod behaviour;
mod fault;
mod happening;
mod initial;
mod reading;
mod rehearsal;
mod schema;
mod switches;
mod timing;
mod zones;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::happening::{Happening, PlannedHappening};
use super::initial::{InitialOrder, InitialOrganization, InitialRecord};
use super::limits::RateLimits;
use super::options::SandboxOptions;
use super::random_faults::RandomFaults;
use super::world::{Behaviour, CertificateBegin};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::nearest;
use crate::document::{Diagnostics, SourceFile, yaml};
use crate::types::{Clock, Timestamp};
pub use behaviour::{SwitchError, set_switch};
use reading::{at_top, timestamp};
pub use schema::{scenario_body_schema, scenario_definitions, scenario_schema};
use timing::TimingChanges;
use zones::Zones;

/// The key that tells a scenario from other files, and holds the version of its format.
pub const VERSION_KEY: &str = "certplan_scenario";

/// The version of the format that this program knows.
const FORMAT_VERSION: i64 = 1;

/// The keys of a scenario file, in the order in which they are best written.
const KEYS: [&str; 18] = [
    VERSION_KEY,
    "name",
    "description",
    "seed",
    "start",
    "organizations",
    "products",
    "zones",
    "records",
    "orders",
    "timing",
    "name_servers",
    "limits",
    "behaviour",
    "downloads_refused",
    "faults",
    "happenings",
    "random_faults",
];

/// A world to test against.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// With a seed, ids and tokens are the same in every run.
    pub seed: Option<u64>,
    /// When the world begins, on a virtual clock.
    pub start: Option<Timestamp>,
    organizations: Option<Vec<InitialOrganization>>,
    products: Option<Vec<String>>,
    zones: Option<Zones>,
    records: Vec<InitialRecord>,
    orders: Vec<InitialOrder>,
    timing: TimingChanges,
    name_server_lags: Option<Vec<Duration>>,
    limits: Option<RateLimits>,
    behaviour: Option<Behaviour>,
    downloads_refused: Option<u32>,
    faults: Vec<Fault>,
    happenings: Vec<PlannedHappening>,
    random_faults: Option<RandomFaults>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// Fails with all of its mistakes.
    pub fn parse(file: &SourceFile) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::new(file);
        let root = yaml::parse(file, &mut diagnostics);
        let mut decoder = Decoder { file, diagnostics: &mut diagnostics };
        let scenario = root.and_then(|root| Self::decode_file(&root, &mut decoder));
        match scenario {
            Some(scenario) if !diagnostics.has_errors() => Ok(scenario),
            _ => Err(diagnostics),
        }
    }

    /// Reads a scenario that stands inside another file: the same keys, and no version.
    ///
    /// None when it cannot be used; what is wrong with it has been reported.
    pub(crate) fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let at = match &node.kind {
            Kind::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
            _ => node.span,
        };
        let before = decoder.diagnostics.count(crate::document::Severity::Error);
        let fields = decoder.fields(node, at, "the scenario", &KEYS)?;
        let scenario = Self::decode_fields(&fields, decoder);
        let errors = |decoder: &Decoder<'_>| {
            decoder.diagnostics.count(crate::document::Severity::Error) - before
        };
        if errors(decoder) == 0 && scenario.furnishes() {
            rehearsal::rehearse(&scenario, &fields, decoder);
        }
        (errors(decoder) == 0).then_some(scenario)
    }

    fn decode_file(root: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if root.kind == Kind::Null {
            decoder.push(
                Diagnostic::error("empty-file", "the file is empty")
                    .at(Span::default(), "a scenario was expected here")
                    .help(format!("begin with `{VERSION_KEY}: {FORMAT_VERSION}`")),
            );
            return None;
        }
        let Kind::Map(entries) = &root.kind else {
            decoder.wrong_kind(root, "a scenario", "a map");
            return None;
        };
        check_version(entries, root, decoder)?;
        Self::decode(root, decoder)
    }

    fn decode_fields(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Self {
        let text =
            |decoder: &mut Decoder<'_>, name| decoder.text(fields, name).map(|text| text.value);
        Self {
            name: text(decoder, "name"),
            description: text(decoder, "description"),
            seed: reading::seed(fields, "seed", decoder),
            start: timestamp(fields, "start", decoder),
            organizations: initial::organizations(fields, decoder),
            products: initial::products(fields, decoder),
            zones: zones::zones(fields, decoder),
            records: initial::records(fields, decoder),
            orders: initial::orders(fields, decoder),
            timing: timing::timing(fields, decoder),
            name_server_lags: timing::name_servers(fields, decoder),
            limits: timing::limits(fields, decoder),
            behaviour: behaviour::behaviour(fields, decoder),
            downloads_refused: reading::count(fields, "downloads_refused", 0, decoder),
            faults: fault::faults(fields, decoder),
            happenings: happening::happenings(fields, decoder),
            random_faults: fault::random_faults(fields, decoder),
        }
    }

    /// Whether it says anything that a world is to begin with.
    fn furnishes(&self) -> bool {
        self.organizations.is_some() || !self.records.is_empty() || !self.orders.is_empty()
    }

    /// An embedded sandbox of this scenario. Its clock should begin at [`Scenario::start`].
    pub fn options(&self, clock: Arc<dyn Clock>) -> SandboxOptions {
        let mut options = SandboxOptions::embedded(clock);
        self.apply(&mut options);
        options
    }

    /// Puts everything that the scenario says into `options`; the rest stays as it is.
    pub fn apply(&self, options: &mut SandboxOptions) {
        self.timing.apply(&mut options.timing);
        if let Some(zones) = &self.zones {
            zones.apply(options);
        }
        // Random faults name requests by their paths, and those hold ids.
        let seed = self.seed.or_else(|| self.random_faults.as_ref().map(|random| random.seed));
        options.seed = seed.or(options.seed);
        set(&mut options.name_server_lags, self.name_server_lags.as_ref());
        set(&mut options.rate_limits, self.limits.as_ref());
        if self.start.is_some() {
            // A world with a time of its own does not look at the machine's.
            options.behaviour.begin = CertificateBegin::AtIssuance;
        }
        set(&mut options.behaviour, self.behaviour.as_ref());
        set(&mut options.downloads_refused, self.downloads_refused.as_ref());
        options.organizations = self.organizations.clone().or_else(|| options.organizations.take());
        options.products = self.products.clone().or_else(|| options.products.take());
        options.random_faults = self.random_faults.clone().or_else(|| options.random_faults.take());
        options.records.extend(self.records.iter().cloned());
        options.orders.extend(self.orders.iter().cloned());
        options.faults.extend(self.faults.iter().cloned());
        options.happenings.extend(self.happenings.iter().cloned());
    }
}

/// Reads a fault as it stands in a scenario.
pub(super) fn decode_fault(node: &Node, decoder: &mut Decoder<'_>) -> Option<Fault> {
    fault::fault(node, decoder)
}

/// Reads what happens at once: `{ do: … }`, with a `target` if need be.
pub(super) fn decode_happening(node: &Node, decoder: &mut Decoder<'_>) -> Option<Happening> {
    happening::immediate(node, decoder)
}

fn set<T: Clone>(option: &mut T, wish: Option<&T>) {
    if let Some(wish) = wish {
        option.clone_from(wish);
    }
}

/// What the file is, when another kind of our files begins like it.
fn another_kind(entries: &[(Key, Node)]) -> Option<(&Key, &'static str)> {
    let kinds = [
        ("certplan", "a plan"),
        ("certplan_inventory", "an inventory"),
        ("certplan_test", "a test file"),
    ];
    kinds.into_iter().find_map(|(name, what)| {
        let (key, _) = entries.iter().find(|(key, _)| key.name == name)?;
        Some((key, what))
    })
}

fn check_version(entries: &[(Key, Node)], root: &Node, decoder: &mut Decoder<'_>) -> Option<()> {
    let Some((_, version)) = entries.iter().find(|(key, _)| key.name == VERSION_KEY) else {
        if let Some((key, what)) = another_kind(entries) {
            decoder.push(
                Diagnostic::error("not-a-scenario", format!("this is {what}, and no scenario"))
                    .at(key.span, format!("with `{}:` begins {what}", key.name))
                    .help(format!(
                        "a scenario says what the sandbox does; it begins with \
                         `{VERSION_KEY}: {FORMAT_VERSION}`"
                    ))
                    .help("to run a plan in the usual world leave the scenario out"),
            );
            return None;
        }
        let first = at_top(root);
        let slip = entries.iter().any(|(key, _)| nearest(&key.name, [VERSION_KEY]).is_some());
        if !slip {
            decoder.push(
                Diagnostic::error(
                    "missing-version",
                    "the scenario does not say its format version",
                )
                .at(first, format!("`{VERSION_KEY}: {FORMAT_VERSION}` is missing above"))
                .suggest(
                    Span::new(first.start, first.start),
                    format!("{VERSION_KEY}: {FORMAT_VERSION}\n"),
                    "begin with it",
                ),
            );
        }
        return Some(());
    };
    match version.kind {
        Kind::Integer(FORMAT_VERSION) => Some(()),
        Kind::Integer(newer) if newer > FORMAT_VERSION => {
            decoder.push(
                Diagnostic::error(
                    "newer-version",
                    format!("the scenario is written in format version {newer}"),
                )
                .at(version.span, format!("this program knows version {FORMAT_VERSION}"))
                .help(format!("use a certplan that knows format version {newer}")),
            );
            None
        }
        _ => {
            decoder.push(
                Diagnostic::error("wrong-version", "this is no format version")
                    .at(version.span, format!("expected the number {FORMAT_VERSION}"))
                    .suggest(version.span, FORMAT_VERSION.to_string(), "write the number"),
            );
            Some(())
        }
    }
}
