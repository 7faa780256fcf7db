//! `columns`: rows as a table whose columns are as wide as they need to be.

use super::style::Style;

/// The table's lines, its header first. `paint` colours a cell that has its width already.
pub(super) fn columns<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    style: Style,
    paint: impl Fn(usize, &str) -> String,
) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let pad = |cell: &str, column: usize| format!("{cell:<width$}", width = widths[column]);
    let titles: Vec<String> =
        header.iter().enumerate().map(|(column, title)| pad(title, column)).collect();
    let mut table = vec![style.faint(titles.join("  ").trim_end())];
    for row in rows {
        let cells = row.iter().enumerate();
        let cells: Vec<String> =
            cells.map(|(column, cell)| paint(column, &pad(cell, column))).collect();
        table.push(cells.join("  ").trim_end().to_owned());
    }
    table
}
