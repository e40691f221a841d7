//! A grid of percentages as dots on a line for each row.

use super::svg::{LEFT, RIGHT, Svg};
use crate::report::Grid;

const LINE: f64 = 22.0;
const LEGEND: f64 = 120.0;
const COLORS: [&str; 11] = [
    "#111827", "#2563eb", "#60a5fa", "#38bdf8", "#a5b4fc", "#f97316", "#16a34a", "#86efac",
    "#a855f7", "#94a3b8", "#eab308",
];

pub(crate) fn chart(grid: &Grid) -> String {
    let mut svg = Svg::new(&grid.title, &format!("{}; further right is better", grid.unit));
    let color = |column: usize| COLORS[column % COLORS.len()];
    for (column, name) in grid.columns.iter().enumerate() {
        let (line, place) = (column / 6, column % 6);
        let (x, y) = (30.0 + LEGEND * 1.1 * place as f64, svg.y + LINE * line as f64);
        svg.dot(x, y, color(column));
        svg.note(x + 10.0, y, name);
    }
    svg.y += LINE * grid.columns.len().div_ceil(6) as f64;
    for (name, figures) in &grid.rows {
        let y = svg.y + LINE / 2.0;
        svg.name(y, name);
        svg.line((LEFT, y), (RIGHT, y), "#e2e8f0");
        for (column, figure) in figures.iter().enumerate().rev() {
            svg.dot(LEFT + (RIGHT - LEFT) * figure / 100.0, y, color(column));
        }
        svg.y += LINE;
    }
    let y = svg.y + LINE / 2.0;
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        svg.note(LEFT + (RIGHT - LEFT) * percent / 100.0 - 6.0, y, &format!("{percent}"));
    }
    svg.y += LINE;
    svg.finish()
}
