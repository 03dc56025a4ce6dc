//! Plain tables for terminals. Knows nothing of what is in them, and trusts none of it.

use std::fmt::Write;

/// Space between columns.
const GAP: &str = "  ";

/// Rows under headings; every column as wide as its widest cell.
pub(super) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        Self {
            headings: headings.iter().map(|text| (*text).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(cells.iter().map(|cell| visible(cell)).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The whole table; numbers, if a column holds nothing else, to the right.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let columns: Vec<Column> = (0..self.headings.len()).map(|n| self.column(n)).collect();
        for cells in std::iter::once(&self.headings).chain(&self.rows) {
            let mut line = String::new();
            for (cell, column) in cells.iter().zip(&columns) {
                let width = column.width;
                // Writing to a String cannot fail.
                let _ = match column.right {
                    true => write!(line, "{cell:>width$}{GAP}"),
                    false => write!(line, "{cell:<width$}{GAP}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn column(&self, n: usize) -> Column {
        let cells = || self.rows.iter().map(|row| row[n].as_str());
        let width = cells().chain([self.headings[n].as_str()]).map(|cell| cell.chars().count());
        let number = |cell: &str| cell.parse::<f64>().is_ok();
        let right = cells().any(number) && cells().all(|cell| cell == NOTHING || number(cell));
        Column { width: width.max().unwrap_or(0), right }
    }
}

struct Column {
    width: usize,
    right: bool,
}

/// Stands for what is not known or not set.
pub(super) const NOTHING: &str = "-";

/// A cell for something that may be missing.
pub(super) fn or_nothing<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// Text from outside without the control characters that would steer a terminal.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["ID", "STATION", "KWH"]);
        table.row(vec!["7".into(), "Zürich-1".into(), "12.345".into()]);
        table.row(vec!["12".into(), "CS2".into(), NOTHING.into()]);
        assert_eq!(
            table.render(),
            "ID  STATION      KWH\n \
              7  Zürich-1  12.345\n\
             12  CS2            -\n"
        );
    }

    #[test]
    fn a_station_cannot_steer_the_terminal() {
        let mut table = Table::new(&["VENDOR"]);
        table.row(vec!["\u{1b}[2Jevil\n".into()]);
        assert_eq!(table.render(), "VENDOR\n\u{fffd}[2Jevil\u{fffd}\n");
    }
}
