//! Test files: what a plan does in an imitated world, written down as cases.
//!
//! [`parse_tests`] reads `NAME.test.yaml` and checks it against the plan that it is about: inputs
//! against their types, steps and outputs against what the plan has, imitated answers against the
//! actions that they are for. [`judge`] compares what a case
//! expects with what was found. Nothing here plays a case: that is the part of `rehearsal`. All of
//! it is pure.

mod decode;
mod expectation;
mod imitation;
mod judge;
mod model;
mod output_path;
mod pattern;
mod schema;

#[cfg(test)]
mod tests;

use crate::document::decode::Decoder;
use crate::document::{Diagnostics, SourceFile, yaml};
pub use decode::looks_like_tests;
pub use expectation::{
    CertificateExpectation, Expectation, OrderExpectation, Orders, Outcome, RecordExpectation,
    RequestExpectation, StepExpectation, StepWord, Wanted,
};
pub use imitation::{ImitatedAnswer, Imitation, Imitations, ShownCertificate};
pub use judge::{CertificateFacts, Found, Mismatch, Strictness, judge};
pub use model::{Act, Case, KillAt, TestFile};
pub use output_path::OutputPath;
pub use pattern::Pattern;
pub use schema::test_schema;

/// The folder that a test file stands in: how the files that it names are read.
pub trait Folder {
    /// Reads the file at `path`, relative to the folder. Fails with the reason.
    fn read(&self, path: &str) -> Result<SourceFile, String>;
}

/// Reads and checks a test file. Gives the cases and what is doubtful about them, or everything that
/// is wrong.
pub fn parse_tests(
    file: &SourceFile,
    folder: &dyn Folder,
) -> Result<(TestFile, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new(file);
    let root = yaml::parse(file, &mut diagnostics);
    let mut decoder = Decoder { file, diagnostics: &mut diagnostics };
    let tests = root.as_ref().and_then(|root| decode::decode(root, folder, &mut decoder));
    match tests {
        Some(tests) if !diagnostics.has_errors() => Ok((tests, diagnostics)),
        _ => Err(diagnostics),
    }
}
