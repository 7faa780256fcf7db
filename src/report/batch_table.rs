//! `batch_table`: a line for each batch, with how far its runs are.

use std::collections::BTreeMap;

use super::columns::columns;
use super::style::Style;
use super::wording::moment;
use crate::types::{BatchId, Timestamp, printable, shorten};

/// What a line says.
#[derive(Debug)]
pub struct BatchLine<'a> {
    /// The batch.
    pub batch: &'a BatchId,
    /// When it began.
    pub started_at: Timestamp,
    /// How many runs it has.
    pub runs: usize,
    /// How many of them stand where, by a word for people.
    pub states: &'a BTreeMap<String, usize>,
    /// What it was begun with, in a few words.
    pub origin: &'a str,
}

/// The batches as a table with a header.
pub fn batch_table(lines: &[BatchLine<'_>], style: Style) -> Vec<String> {
    let row = |line: &BatchLine<'_>| {
        let states: Vec<String> =
            line.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        [
            line.batch.to_string(),
            moment(line.started_at),
            line.runs.to_string(),
            states.join(", "),
            shorten(&printable(line.origin), 120),
        ]
    };
    let rows: Vec<[String; 5]> = lines.iter().map(row).collect();
    let header = ["BATCH", "BEGAN", "RUNS", "WHERE THEY STAND", "BEGUN WITH"];
    columns(header, &rows, style, |_, cell| cell.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_says_how_far_it_is_and_what_it_was_begun_with() {
        let states = BTreeMap::from([("failed".to_owned(), 2), ("succeeded".to_owned(), 40)]);
        let line = BatchLine {
            batch: &BatchId::from_random(1),
            started_at: Timestamp::UNIX_EPOCH,
            runs: 42,
            states: &states,
            origin: "inventory.yaml --serial 1,10%",
        };
        let table = batch_table(&[line], Style::new(false));
        assert!(table[0].starts_with("BATCH") && table[0].ends_with("BEGUN WITH"), "{table:?}");
        let batch = BatchId::from_random(1);
        assert_eq!(
            table[1],
            format!(
                "{batch}  1970-01-01 00:00:00 UTC  42    2 failed, 40 succeeded  \
                 inventory.yaml --serial 1,10%"
            )
        );
    }
}
