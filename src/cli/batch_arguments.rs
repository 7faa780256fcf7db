//! What can be typed for many targets at once.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::arguments::{OutputArguments, StateArguments};

/// The options of `run` that are about an inventory.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many targets")]
pub(super) struct BatchArguments {
    /// Run for every target of an inventory: YAML, CSV, a plain list of domains, or a folder of them
    #[arg(long, value_name = "FILE")]
    pub(super) inventory: Vec<PathBuf>,

    /// Only these targets: names, globs and groups, separated by commas; `!` leaves out
    #[arg(long, value_name = "PATTERN", requires = "inventory")]
    pub(super) limit: Option<String>,

    /// Requests and key generations under way at the same time; targets that wait do not count
    #[arg(long, value_name = "N", requires = "inventory", value_parser = jobs)]
    pub(super) jobs: Option<usize>,

    /// Begin in waves, each when the one before stands still, for example `1,10%,100%`; after a wave
    /// of which nothing came no other begins
    #[arg(long, value_name = "SIZES", requires = "inventory", value_delimiter = ',')]
    pub(super) serial: Vec<String>,

    /// When more than so many targets have failed, order nothing more: what has ordered goes on to its
    /// end, the others are held back; for example `3` or `5%`
    #[arg(long, value_name = "N|N%", requires = "inventory")]
    pub(super) max_failures: Option<String>,

    /// Send no more than so many orders; what would order beyond that is held back
    #[arg(long, value_name = "N", requires = "inventory")]
    pub(super) max_orders: Option<usize>,

    /// Order without asking, however many certificates it is
    #[arg(long)]
    pub(super) yes: bool,

    /// When a certificate is replaced: SHARE[,MINIMUM[,MAXIMUM]] of its lifetime before its end; what
    /// is left out is as in `33%,7d,30d`
    #[arg(long, value_name = "SHARE", requires = "inventory")]
    pub(super) due: Option<String>,

    /// Order anew where names, product, organization or kind of key are others now
    #[arg(long, requires = "inventory")]
    pub(super) apply_drift: bool,

    /// Write what became of every target in another form
    #[arg(long, value_name = "FORM", requires = "inventory", value_enum)]
    pub(super) recap: Option<RecapFormat>,
}

/// The options of `preview` that are about an inventory.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many targets")]
pub(super) struct ForecastArguments {
    /// Preview every target of an inventory: YAML, CSV, a plain list of domains, or a folder of them
    #[arg(long, value_name = "FILE")]
    pub(super) inventory: Vec<PathBuf>,

    /// Only these targets: names, globs and groups, separated by commas; `!` leaves out
    #[arg(long, value_name = "PATTERN", requires = "inventory")]
    pub(super) limit: Option<String>,

    /// When a certificate is replaced: SHARE[,MINIMUM[,MAXIMUM]] of its lifetime before its end; what
    /// is left out is as in `33%,7d,30d`
    #[arg(long, value_name = "SHARE", requires = "inventory")]
    pub(super) due: Option<String>,

    /// As if certificates that differ from what is asked for were ordered anew
    #[arg(long, requires = "inventory")]
    pub(super) apply_drift: bool,

    /// A line for every target, however many are alike
    #[arg(long, requires = "inventory")]
    pub(super) all: bool,
}

/// In which form a batch is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RecapFormat {
    /// A table for people
    Text,
    /// For programs
    Json,
    /// For build servers
    Junit,
    /// For a merge request
    Markdown,
}

/// The arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only certificates that are due
    #[arg(long = "due-only")]
    pub(super) due_only: bool,

    /// When a certificate is due: SHARE[,MINIMUM[,MAXIMUM]] of its lifetime before its end; what is
    /// left out is as in `33%,7d,30d`
    #[arg(long, value_name = "SHARE")]
    pub(super) due: Option<String>,

    /// The certificates of the embedded sandbox instead of the real ones
    #[arg(long)]
    pub(super) sandbox: bool,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// At least one, and no more than a machine has sockets for.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=10_000) => Ok(jobs),
        _ => Err("a number from 1 to 10000".to_owned()),
    }
}
