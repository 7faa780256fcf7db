//! The sets that were current before: listing them, going back to one, removing the oldest.
//!
//! What is current and what is gone back to is never removed. A set that is removed first loses its
//! name, in one step: whoever finds a set by its name finds it whole, whatever crashes.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::durable::sync_directory;
use super::error::{FileError, is_absent};
use super::layout::{PREVIOUS, SETS, SetError, check_name, check_place, current, linked};
use super::partial::remove_interrupted;
use super::set::{link, make_current};

/// The end of the hidden name of a set that is being removed.
const REMOVED: &str = ".removed";
/// A set with this file has all the others of [`PEM`], too.
const KEY: &str = "privkey.pem";
/// The files of every set that came from a download.
const PEM: [&str; 4] = ["cert.pem", "chain.pem", "fullchain.pem", KEY];

/// The sets of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// The name of the current one.
    pub current: Option<String>,
    /// The name of the one that was current before.
    pub previous: Option<String>,
    /// All of them, the newest first.
    pub all: Vec<StoredSet>,
}

/// A set on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSet {
    /// The name of its folder.
    pub name: String,
    /// When it was written.
    pub written: SystemTime,
    /// The names of its files, sorted.
    pub files: Vec<String>,
}

/// What [`remove_oldest`] did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The sets that are gone.
    pub names: Vec<String>,
    /// Why not all are gone that should be.
    pub fault: Option<FileError>,
}

/// Lists the sets of `directory`; what is no set is left out. Nothing is listed where nothing is.
pub fn sets(directory: &Path) -> Result<Sets, SetError> {
    check_place(directory, [])?;
    let folder = directory.join(SETS);
    let refuse = |error| FileError::new("list", &folder, &error);
    let mut all = Vec::new();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => Some(entries),
        Err(error) if is_absent(&error) => None,
        Err(error) => return Err(refuse(error).into()),
    };
    for entry in entries.into_iter().flatten() {
        let name = entry.map_err(refuse)?.file_name();
        if let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) {
            all.extend(stored(&folder.join(name), name)?);
        }
    }
    all.sort_by(|one, other| (&other.written, &other.name).cmp(&(&one.written, &one.name)));
    Ok(Sets { current: current(directory)?, previous: linked(directory, PREVIOUS)?, all })
}

/// A folder as a set; none if something in it is no plain file, since then it is somebody else's.
fn stored(folder: &Path, name: &str) -> Result<Option<StoredSet>, FileError> {
    let refuse = |error| FileError::new("look at", folder, &error);
    let found = fs::symlink_metadata(folder).map_err(refuse)?;
    if !found.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        match entry.file_name().to_str() {
            Some(file) if entry.file_type().map_err(refuse)?.is_file() => {
                files.push(file.to_owned());
            }
            _ => return Ok(None),
        }
    }
    files.sort();
    let written = found.modified().map_err(refuse)?;
    Ok((!files.is_empty()).then(|| StoredSet { name: name.to_owned(), written, files }))
}

impl StoredSet {
    /// Whether it came from a download, and not from an export of something else.
    pub fn has_certificate(&self) -> bool {
        self.files.iter().any(|file| file == KEY)
    }
}

impl Sets {
    /// The set called `name`.
    pub fn find(&self, name: &str) -> Option<&StoredSet> {
        self.all.iter().find(|set| set.name == name)
    }

    /// Whether `name` can stand in for the current set: it is there, and no PEM file is missing.
    fn is_whole(&self, name: &str) -> bool {
        let has = |set: &StoredSet, file: &str| set.files.iter().any(|found| found == file);
        let current = self.current.as_deref().and_then(|name| self.find(name));
        let needs_pem = current.is_none_or(StoredSet::has_certificate);
        self.find(name).is_some_and(|set| !needs_pem || PEM.iter().all(|file| has(set, file)))
    }

    /// Which set [`roll_back`] would go to.
    ///
    /// `from` is the set that is to be left; when another one is current, it is the wanted one after
    /// a crash, or somebody else's, which is an error. Without `to` it is the set before.
    pub fn way_back(
        &self,
        directory: &Path,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<&StoredSet, SetError> {
        let missing = |reason: &str| SetError::NothingBefore {
            directory: directory.to_path_buf(),
            wanted: reason.to_owned(),
        };
        let Some(now) = self.current.as_deref() else { return Err(missing("no set is current")) };
        let before = self.previous.as_deref().filter(|name| *name != now);
        let name = match from.filter(|from| *from != now) {
            // Done already: then the set that was left is the one to go back to.
            Some(from) if before == Some(from) && to.is_none_or(|to| to == now) => now,
            Some(_) => return Err(missing(&format!("`{now}` is current"))),
            None => match to.or(before) {
                Some(name) => name,
                None => return Err(missing("there is no set before it")),
            },
        };
        check_name(name)?;
        self.find(name)
            .filter(|_| self.is_whole(name))
            .ok_or_else(|| missing(&format!("there is no whole set `{name}`")))
    }
}

/// Makes a former set the current one again, the one of [`Sets::way_back`]; answers with its name.
///
/// Nothing is done when it is current already. The set that is left can be gone back to in the same
/// way.
pub fn roll_back(
    directory: &Path,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<String, SetError> {
    let sets = sets(directory)?;
    let set = sets.way_back(directory, from, to)?;
    check_place(directory, set.files.iter().map(String::as_str))?;
    make_current(directory, sets.current.as_deref(), &set.name)?;
    for file in &set.files {
        link(directory, file)?;
    }
    sync_directory(directory)?;
    Ok(set.name.clone())
}

/// Removes the oldest sets, so that beside the current one `keep` stay. The set that was current
/// before is always among them. What interrupted writes have left goes as well.
///
/// A set that cannot be removed stays, and is told of: the current one is as good as it was.
pub fn remove_oldest(directory: &Path, keep: usize) -> Result<Removed, SetError> {
    let found = sets(directory)?;
    // Where nothing is current, somebody is at work who knows more.
    if found.current.is_none() {
        return Ok(Removed::default());
    }
    let former = found.all.iter().filter(|set| found.current.as_ref() != Some(&set.name));
    let (previous, others): (Vec<_>, Vec<_>) =
        former.partition(|set| found.previous.as_ref() == Some(&set.name));
    let mut removed = Removed::default();
    let folder = directory.join(SETS);
    for set in others.into_iter().skip(keep.saturating_sub(previous.len())) {
        match hide(&folder, &set.name) {
            Ok(()) => removed.names.push(set.name.clone()),
            Err(error) => removed.fault = removed.fault.or(Some(error)),
        }
    }
    let swept = sync_directory(&folder)
        .and_then(|()| sweep(&folder))
        .and_then(|()| remove_interrupted(&folder))
        .and_then(|()| remove_interrupted(directory));
    removed.fault = removed.fault.or_else(|| swept.err());
    Ok(removed)
}

/// Takes the name from a set.
fn hide(folder: &Path, name: &str) -> Result<(), FileError> {
    let hidden = folder.join(format!(".{name}{REMOVED}"));
    // What a crash left behind would be in the way.
    delete(&hidden)?;
    let path = folder.join(name);
    fs::rename(&path, hidden).map_err(|error| FileError::new("remove", &path, &error))
}

/// Deletes what has lost its name, now or before a crash.
fn sweep(folder: &Path) -> Result<(), FileError> {
    let refuse = |error| FileError::new("list", folder, &error);
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(REMOVED) {
            delete(&entry.path())?;
        }
    }
    sync_directory(folder)
}

fn delete(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if !is_absent(&error) => Err(FileError::new("remove", path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "former_tests.rs"]
mod tests;
