//! Reading the file line by line, so that a large world is never in the memory twice.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{StateFileError, io_error};

/// The lines with their numbers, one after the other. An unfinished last line is left out: whoever
/// wrote it had not answered yet.
pub(super) struct Lines<'file> {
    reader: BufReader<&'file File>,
    path: &'file Path,
    number: usize,
}

impl<'file> Lines<'file> {
    pub(super) fn new(file: &'file File, path: &'file Path) -> Self {
        Self { reader: BufReader::new(file), path, number: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Option<(usize, String)>, StateFileError> {
        let mut line = String::new();
        self.reader.read_line(&mut line).map_err(io_error("read", self.path))?;
        if line.pop() != Some('\n') {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, line)))
    }
}
