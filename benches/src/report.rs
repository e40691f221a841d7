//! The results: comparisons of contenders and grids of figures, as text and as JSON.

use std::fmt;

use serde::Serialize;

use crate::Result;
use crate::rounds::{Sample, Side};
use crate::table::Table;

/// Which figures are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Less,
    More,
}

/// One result.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Section {
    Comparison(Comparison),
    Grid(Grid),
}

/// Contenders that do the same work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A contender and its sample for each column.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) side: Side,
    pub(crate) samples: Vec<Sample>,
}

/// Figures without rounds: a row for each case, a column for each contender.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Grid {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<f64>)>,
}

impl Comparison {
    /// Whether the figure depends on the round.
    fn varies(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.samples).any(|sample| sample.low < sample.high)
    }

    fn has_ratios(&self) -> bool {
        (0..self.columns.len()).any(|column| self.reference(column).is_some())
    }

    /// The figure in a column that ratios refer to: of the base, or of the best peer.
    fn reference(&self, column: usize) -> Option<f64> {
        let of = |side| self.rows.iter().filter(move |row| row.side == side);
        let side = if of(Side::Base).next().is_some() { Side::Base } else { Side::Peer };
        let figures = of(side).map(|row| row.samples[column].median);
        match self.better {
            Better::Less => figures.min_by(f64::total_cmp),
            Better::More => figures.max_by(f64::total_cmp),
        }
    }
}

impl From<Comparison> for Section {
    fn from(comparison: Comparison) -> Self {
        Self::Comparison(comparison)
    }
}

impl From<Grid> for Section {
    fn from(grid: Grid) -> Self {
        Self::Grid(grid)
    }
}

impl Section {
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Comparison(Comparison { title, .. }) | Self::Grid(Grid { title, .. }) => title,
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comparison(comparison) => comparison.fmt(f),
            Self::Grid(grid) => grid.fmt(f),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&self.title);
        for column in &self.columns {
            table.heading([format!("{column}, {}", self.unit)]);
            table.heading(self.varies().then(|| "spread".to_owned()));
            table.heading(self.has_ratios().then(|| "ratio".to_owned()));
        }
        for row in &self.rows {
            let mut cells = Vec::new();
            for (column, sample) in row.samples.iter().enumerate() {
                cells.push(figure(sample.median));
                cells.extend(self.varies().then(|| format!("± {:.0} %", sample.spread())));
                let ratio = self.reference(column).map(|best| sample.median / best);
                cells.extend(ratio.map(|ratio| format!("{ratio:.2}")));
            }
            table.row(&format!("{}{}", mark(row.side), row.name), cells);
        }
        table.fmt(f)
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&format!("{} ({})", self.title, self.unit));
        table.heading(self.columns.iter().cloned());
        for (name, figures) in &self.rows {
            table.row(name, figures.iter().map(|one| format!("{one:.1}")).collect());
        }
        table.fmt(f)
    }
}

/// Parts are indented: they do less than the others.
fn mark(side: Side) -> &'static str {
    if side == Side::Part { "  " } else { "" }
}

/// Three digits at least.
pub(crate) fn figure(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

pub(crate) fn json(machine: &[(String, String)], sections: &[Section]) -> Result<String> {
    let machine: serde_json::Map<_, _> =
        machine.iter().map(|(what, value)| (what.clone(), value.as_str().into())).collect();
    let report = serde_json::json!({ "machine": machine, "sections": sections });
    Ok(serde_json::to_string_pretty(&report)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let row = |name: &str, side, figure| Row {
            name: name.to_owned(),
            side,
            samples: vec![Sample::exact(figure)],
        };
        Comparison {
            title: "hit".to_owned(),
            unit: "ns".to_owned(),
            better: Better::Less,
            columns: vec!["1 thread".to_owned()],
            rows: vec![
                row("larder", Side::Larder, 50.0),
                row("slow", Side::Peer, 200.0),
                row("fast", Side::Peer, 100.0),
                row("engine", Side::Part, 10.0),
            ],
        }
    }

    #[test]
    fn ratios_refer_to_the_best_peer() {
        let text = comparison().to_string();
        let ratios: Vec<&str> =
            text.lines().skip(2).filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(ratios, ["0.50", "2.00", "1.00", "0.10"]);
    }

    #[test]
    fn json_names_machine_kind_and_side() {
        let machine = [("cores".to_owned(), "2".to_owned())];
        let text = json(&machine, &[comparison().into()]).expect("serializable");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["machine"]["cores"], "2");
        assert_eq!(report["sections"][0]["kind"], "comparison");
        assert_eq!(report["sections"][0]["rows"][3]["side"], "part");
    }
}
