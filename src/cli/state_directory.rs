//! `StateDirectory`: where a project's runs, keys and locks are.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::StateArguments;
use super::error::CliError;
use crate::api::budget::PauseFile;
use crate::store::{RunSummary, SqliteStore, Store, StoreError, TargetLocks};

/// The folder's name when none is given.
const NAME: &str = ".certplan";

/// The folder and what is where in it.
#[derive(Debug, Clone)]
pub(super) struct StateDirectory {
    path: PathBuf,
    locks: TargetLocks,
}

impl StateDirectory {
    /// The folder that was named, or the nearest `.certplan` here or above, or a new one here.
    pub(super) fn find(arguments: &StateArguments) -> Result<Self, CliError> {
        let here = working_directory()?;
        if let Some(path) = &arguments.state_dir {
            return Ok(Self::at(here.join(path)));
        }
        let found = here.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_dir());
        if let Some(path) = &found {
            refuse_strangers(path)?;
        }
        Ok(Self::at(found.unwrap_or_else(|| here.join(NAME))))
    }

    fn at(path: PathBuf) -> Self {
        Self { locks: TargetLocks::new(path.join("locks")), path }
    }

    /// Opens the store; makes it when this is the first run.
    pub(super) fn open(&self) -> Result<Arc<SqliteStore>, CliError> {
        Ok(Arc::new(SqliteStore::open(&self.file())?))
    }

    /// Opens the store for looking; nothing is made where nothing is. A file that is gone is not the
    /// same as a folder without runs.
    pub(super) fn open_existing(&self) -> Result<Option<Arc<SqliteStore>>, CliError> {
        let file = self.file();
        // What may not be looked at is not the same as what is not there.
        match file.try_exists() {
            Ok(true) => self.open().map(Some),
            Ok(false) if self.has_lost_its_file() => {
                let notes = file.with_extension("orders");
                let message = format!(
                    "`{}` is gone; by `{}` runs have ordered",
                    file.display(),
                    notes.display()
                );
                Err(CliError::usage(message).hint("`certplan doctor` says which, and what to do"))
            }
            Ok(false) => Ok(None),
            Err(error) => {
                let message = format!("cannot look for `{}`: {error}", file.display());
                Err(CliError::usage(message))
            }
        }
    }

    /// Like [`Self::open_existing`], for commands that only look: they work on a read-only disk, too.
    pub(super) fn open_for_looking(&self) -> Result<Option<Arc<SqliteStore>>, CliError> {
        if !self.file().try_exists().is_ok_and(|is_there| is_there) {
            return self.open_existing();
        }
        let store = SqliteStore::open(&self.file()).or_else(|first| {
            SqliteStore::open_read_only(&self.file()).map_err(|second| match second {
                // A damaged file is not brought up to date anywhere.
                StoreError::Older { .. } if !first.is_damage() => second,
                // Whatever else is wrong with the file, the first reason is the better one.
                _ => first,
            })
        });
        Ok(Some(Arc::new(store?)))
    }

    /// The state file.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join("state.db")
    }

    /// Whether there is no state file although orders were noted.
    pub(super) fn has_lost_its_file(&self) -> bool {
        let is_gone = self.file().try_exists().is_ok_and(|is_there| !is_there);
        is_gone && SqliteStore::order_notes(&self.file()).is_ok_and(|notes| !notes.noted.is_empty())
    }

    /// Where private keys are kept.
    pub(super) fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The locks of targets, all in one open file.
    pub(super) fn locks(&self) -> TargetLocks {
        self.locks.clone()
    }

    /// The request budgets that all programs share.
    pub(super) fn budgets(&self) -> PathBuf {
        self.path.join("budgets")
    }

    /// The emergency stop.
    pub(super) fn pause_file(&self) -> PauseFile {
        PauseFile::in_directory(&self.path)
    }

    /// Where the embedded sandbox keeps its world.
    pub(super) fn sandbox_world(&self) -> PathBuf {
        self.path.join("sandbox").join("world.json")
    }

    /// Where runs against the embedded sandbox put their files.
    pub(super) fn sandbox_files(&self) -> PathBuf {
        self.path.join("sandbox").join("files")
    }

    /// Where copies of the scenarios are that runs against the embedded sandbox began with.
    pub(super) fn sandbox_scenarios(&self) -> PathBuf {
        self.path.join("sandbox").join("scenarios")
    }

    /// Where the root certificate of the embedded sandbox is.
    pub(super) fn sandbox_root(&self) -> PathBuf {
        self.path.join("sandbox").join("root.pem")
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder that was merely found is used only when nobody else can have prepared it: stored plans
/// name commands, and keys are kept in it.
fn refuse_strangers(path: &Path) -> Result<(), CliError> {
    let look = |path: &Path| {
        std::fs::metadata(path).map_err(|error| {
            CliError::usage(format!("cannot look at `{}`: {error}", path.display()))
        })
    };
    let folder = look(path)?;
    // Who we are is what our own entry in /proc says; there is no other safe way in std.
    let us = look(Path::new("/proc/self"))?.uid();
    let others_write = folder.mode() & 0o022 != 0;
    if folder.uid() == us && !others_write {
        return Ok(());
    }
    let reason =
        if others_write { "others may write to it" } else { "it belongs to somebody else" };
    Err(CliError::usage(format!("`{}` is not used: {reason}", path.display()))
        .hint("name the folder with `--state-dir` if it is the right one all the same"))
}

/// The folder that the program was started in. It is recorded with runs, so it must be text.
pub(super) fn working_directory() -> Result<PathBuf, CliError> {
    let path = std::env::current_dir()
        .map_err(|error| CliError::usage(format!("the working directory is not there: {error}")))?;
    if path.to_str().is_none() {
        let message = format!("the name of the working directory `{}` is not text", path.display());
        return Err(CliError::usage(message));
    }
    Ok(path)
}

/// The one run whose id begins with `text`.
pub(super) async fn find_run(store: &dyn Store, text: &str) -> Result<RunSummary, CliError> {
    if text.is_empty() {
        return Err(
            CliError::usage("the run's id is empty").hint("`certplan status` lists all runs")
        );
    }
    let runs = store.list_runs().await?;
    let shown = crate::types::shorten(&crate::types::printable(text), 40);
    let mut matching = runs.into_iter().filter(|run| run.id.as_str().starts_with(text));
    match (matching.next(), matching.next()) {
        (Some(run), None) => Ok(run),
        (None, _) => Err(CliError::usage(format!("there is no run `{shown}`"))
            .hint("`certplan status` lists all runs")),
        (Some(first), Some(second)) => {
            let message = format!(
                "`{shown}` could be `{}`, `{}`{}",
                first.id,
                second.id,
                if matching.next().is_some() { " and others" } else { "" }
            );
            Err(CliError::usage(message).hint("give more of the id"))
        }
    }
}

/// The error when there is no store at all.
pub(super) fn nothing_here(state: &StateDirectory) -> CliError {
    CliError::usage(format!("there are no runs in `{}`", state.path().display()))
        .hint("start one with `certplan run PLAN`, or name the folder with `--state-dir`")
}
