//! A comparison as bars from zero, with the quartiles as a line.

use super::svg::{LEFT, RIGHT, Svg};
use crate::report::{Better, Comparison, figure};
use crate::rounds::Side;

const BAR: f64 = 14.0;
const GAP: f64 = 10.0;

pub(crate) fn chart(comparison: &Comparison) -> String {
    let better = match comparison.better {
        Better::Less => "shorter is better",
        Better::More => "longer is better",
    };
    let columns = comparison.columns.join(", then ");
    let subtitle = format!("{}; {columns}; {better}", comparison.unit);
    let mut svg = Svg::new(&comparison.title, &subtitle);
    let samples = comparison.rows.iter().flat_map(|row| &row.samples);
    let most = samples.map(|sample| sample.high).fold(f64::MIN_POSITIVE, f64::max);
    let place = |figure: f64| (RIGHT - LEFT) * figure / most;
    for row in &comparison.rows {
        let height = BAR * row.samples.len() as f64;
        svg.name(svg.y + height / 2.0, &row.name);
        for (column, sample) in row.samples.iter().enumerate() {
            let middle = svg.y + BAR / 2.0;
            let at = (LEFT, svg.y);
            svg.bar(at, (place(sample.median), BAR - 2.0), &fill(row.side, column));
            let ends = [place(sample.low), place(sample.high)].map(|x| (LEFT + x, middle - 1.0));
            svg.line(ends[0], ends[1], "#1e293b");
            let beyond = LEFT + place(sample.median.max(sample.high)) + 6.0;
            svg.note(beyond, middle - 1.0, &figure(sample.median));
            svg.y += BAR;
        }
        svg.y += GAP;
    }
    svg.finish()
}

/// A colour for the side, lighter in each further column.
fn fill(side: Side, column: usize) -> String {
    let color = match side {
        Side::Larder => "#2563eb",
        Side::Peer => "#64748b",
        Side::Part | Side::Base => "#b6c2d1",
    };
    format!("fill='{color}' fill-opacity='{:.2}'", 0.6_f64.powi(column as i32))
}
