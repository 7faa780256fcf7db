//! Reading a plan file, and showing what is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::console::Console;
use super::error::CliError;
use crate::document::{Diagnostics, SourceFile};
use crate::engine::SEMANTICS;
use crate::plan::{Plan, parse_plan};
use crate::store::StoredPlan;

/// A plan that can be run, in the form in which it is stored too.
#[derive(Debug)]
pub(super) struct LoadedPlan {
    pub(super) plan: Arc<Plan>,
    pub(super) stored: StoredPlan,
    pub(super) file: String,
}

/// A file larger than this is not read to its end, since no plan is.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

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
    let bytes = read(path)
        .map_err(|error| CliError::usage(format!("cannot read the plan `{name}`: {error}")))?;
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
    match parse_plan(&source) {
        Ok((plan, warnings)) => {
            show(&warnings);
            Ok((plan, source))
        }
        Err(wrong) => Err(refused(&wrong)),
    }
}

/// The last word on a file with mistakes.
pub(super) fn no_plan(name: &str) -> String {
    format!("`{name}` is no plan that can be run; nothing was sent")
}

/// The bytes of a file, up to more than a plan may have.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
