//! Reading a plan file, and showing what is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::console::Console;
use super::error::CliError;
use super::nearby::{self, Sought};
use crate::document::{Diagnostics, FileLimits, SourceFile};
use crate::engine::SEMANTICS;
use crate::inventory::{Format, InventoryFile};
use crate::plan::{Plan, ValiditySchedule, check_plan};
use crate::store::StoredPlan;
use crate::types::{Timestamp, printable};

/// So many plans of an inventory are named.
const MOST_PLANS: usize = 5;

/// A plan that can be run, in the form in which it is stored too.
#[derive(Debug)]
pub(super) struct LoadedPlan {
    pub(super) plan: Arc<Plan>,
    pub(super) stored: StoredPlan,
    pub(super) file: String,
}

/// Reads and compiles a plan. What is wrong with it is shown; the error only sums up.
pub(super) fn load_plan(path: &Path, console: &Console) -> Result<LoadedPlan, CliError> {
    let (plan, source) = compile(path, console)?;
    let file = path.display().to_string();
    let compiled = serde_json::to_string(&plan)
        .map_err(|error| CliError::failure(format!("the plan cannot be stored: {error}")))?;
    let digest = crate::pki::Fingerprint::of(source.text().as_bytes()).to_string();
    let stored =
        StoredPlan { digest, semantics: SEMANTICS, text: source.text().to_owned(), compiled };
    Ok(LoadedPlan { plan: Arc::new(plan), stored, file })
}

/// Reads and compiles a plan, and shows errors and warnings.
pub(super) fn compile(path: &Path, console: &Console) -> Result<(Plan, SourceFile), CliError> {
    let name = path.display().to_string();
    let bytes = read(path).map_err(|error| {
        let hint = nearby::hint(path, &error, Sought::Plan);
        CliError::usage(format!("cannot read the plan `{name}`: {error}")).hints(hint)
    })?;
    let show = |diagnostics: &Diagnostics| {
        for line in diagnostics.render(console.talk_style().is_coloured()).lines() {
            console.talk(line);
        }
    };
    let refused = |diagnostics: &Diagnostics| {
        show(diagnostics);
        CliError::usage(no_plan(&name))
    };
    let source = SourceFile::from_bytes(&name, &bytes).map_err(|wrong| refused(&wrong))?;
    // What the CA allows today is said before the order, and not only by `check`.
    let schedule = ValiditySchedule::default();
    match check_plan(&source, schedule.on(today())) {
        Ok((plan, warnings)) => {
            show(&warnings);
            Ok((plan, source))
        }
        Err(wrong) => Err(refused(&wrong).hints(named_plans(&source))),
    }
}

/// What the plans of an inventory are, when the file is one.
fn named_plans(source: &SourceFile) -> Option<String> {
    if !InventoryFile::is_meant_by(source.text()) {
        return None;
    }
    let plans = InventoryFile::parse(source, Format::Yaml).plans();
    let named = plans.iter().map(|plan| format!("`{}`", printable(&plan.to_string())));
    let shown: Vec<String> = named.take(MOST_PLANS).collect();
    let more = match plans.len().saturating_sub(MOST_PLANS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown.as_slice() {
        [] => Some("the inventory names no plan; one stands beside it on the command line".into()),
        [plan] => Some(format!("the plan of this inventory is {plan}")),
        plans => Some(format!("the plans of this inventory are {}{more}", plans.join(", "))),
    }
}

/// The day that counts for what the CA allows.
pub(super) fn today() -> jiff::civil::Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The last word on a file with mistakes.
pub(super) fn no_plan(name: &str) -> String {
    format!("`{name}` is no plan that can be run; nothing was sent")
}

/// The bytes of a plan file.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    read_within(path, FileLimits::PLAN)
}

/// The bytes of a file, up to three times what a file of its kind may have: enough to say how large
/// it is, and to refuse it.
pub(super) fn read_within(path: &Path, limits: FileLimits) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let most = u64::try_from(limits.bytes).unwrap_or(u64::MAX).saturating_mul(3);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
