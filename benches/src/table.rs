//! Aligned tables of text: names on the left, figures on the right.

use std::fmt;

pub(crate) struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str) -> Self {
        Self { lines: vec![vec![title.to_owned()]] }
    }

    /// Adds headings to the first line.
    pub(crate) fn heading(&mut self, cells: impl IntoIterator<Item = String>) {
        self.lines[0].extend(cells);
    }

    pub(crate) fn row(&mut self, name: &str, cells: Vec<String>) {
        self.lines.push([vec![name.to_owned()], cells].concat());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.lines.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, line) in self.lines.iter().enumerate() {
            write!(f, "{:<1$}", line[0], widths[0])?;
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
            if index == 0 {
                writeln!(f, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (columns - 1)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_and_figures_right() {
        let mut table = Table::new("hit");
        table.heading(["ns".to_owned()]);
        table.row("larder", vec!["100".to_owned()]);
        table.row("peer", vec!["7".to_owned()]);
        assert_eq!(table.to_string(), "hit      ns\n-----------\nlarder  100\npeer      7\n");
    }
}
