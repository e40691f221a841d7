//! Interleaved rounds: every contender runs once in each round, so that a slow moment of the machine hits all of
//! them, and each figure is the median of its rounds.

use serde::Serialize;

use crate::report::{Better, Comparison, Row};

/// What a contender does, compared with larder's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Larder,
    /// The same work by another library.
    Peer,
    /// What ratios refer to instead of the best peer.
    Base,
    /// A part of the work: an engine without ttl or single flight, or the load alone.
    Part,
}

/// The figures of several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    pub(crate) median: f64,
    /// A quarter of the rounds are below.
    pub(crate) low: f64,
    /// A quarter of the rounds are above.
    pub(crate) high: f64,
}

impl Sample {
    pub(crate) fn new(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (figures.len().saturating_sub(1)) as f64 * share;
            figures.get(index.round() as usize).copied().unwrap_or(f64::NAN)
        };
        Self { median: at(0.5), low: at(0.25), high: at(0.75) }
    }

    /// A figure that is the same in every round.
    pub(crate) fn exact(figure: f64) -> Self {
        Self { median: figure, low: figure, high: figure }
    }

    /// Half the distance of the quartiles, in percent of the median.
    pub(crate) fn spread(self) -> f64 {
        50.0 * (self.high - self.low) / self.median
    }
}

/// One participant: runs a round for a column (such as a number of threads), and returns its figure.
pub(crate) struct Contender<'a> {
    name: String,
    side: Side,
    round: Box<dyn FnMut(u64) -> f64 + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(
        side: Side,
        name: impl Into<String>,
        round: impl FnMut(u64) -> f64 + 'a,
    ) -> Self {
        Self { name: name.into(), side, round: Box::new(round) }
    }
}

/// A column of a comparison: its heading, and the value that contenders get.
pub(crate) struct Column {
    pub(crate) heading: String,
    pub(crate) value: u64,
}

/// One column for each value; `{}` in the heading is the value.
pub(crate) fn columns(heading: &str, values: impl IntoIterator<Item = u64>) -> Vec<Column> {
    let column = |value: u64| Column { heading: heading.replace("{}", &value.to_string()), value };
    values.into_iter().map(column).collect()
}

/// Runs a round of warm-up and then `rounds` rounds of each contender.
pub(crate) fn compare(
    title: &str,
    (unit, better): (&str, Better),
    columns: &[Column],
    rounds: usize,
    contenders: Vec<Contender<'_>>,
) -> Comparison {
    let mut contenders = contenders;
    let mut samples = vec![Vec::new(); contenders.len()];
    for column in columns {
        let figures = interleave(&mut contenders, column.value, rounds);
        for (samples, figures) in samples.iter_mut().zip(figures) {
            samples.push(Sample::new(figures));
        }
    }
    let rows = contenders.into_iter().zip(samples);
    Comparison {
        title: title.to_owned(),
        unit: unit.to_owned(),
        better,
        columns: columns.iter().map(|column| column.heading.clone()).collect(),
        rows: rows
            .map(|(Contender { name, side, .. }, samples)| Row { name, side, samples })
            .collect(),
    }
}

fn interleave(contenders: &mut [Contender<'_>], value: u64, rounds: usize) -> Vec<Vec<f64>> {
    let mut figures = vec![Vec::with_capacity(rounds); contenders.len()];
    for contender in contenders.iter_mut() {
        (contender.round)(value);
    }
    for round in 0..rounds {
        // Each round begins with another contender, so that no one always runs after the same one.
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            figures[at].push((contenders[at].round)(value));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_median_and_quartiles() {
        let sample = Sample::new(vec![5.0, 1.0, 2.0, 4.0, 3.0]);
        assert_eq!(sample, Sample { median: 3.0, low: 2.0, high: 4.0 });
        assert!((sample.spread() - 100.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn contenders_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let contender = |name: &'static str| {
            let order = &order;
            Contender::new(Side::Peer, name, move |_| {
                order.borrow_mut().push_str(name);
                1.0
            })
        };
        let contenders = vec![contender("a"), contender("b")];
        compare("", ("ns", Better::Less), &columns("{}", [1]), 2, contenders);
        assert_eq!(
            *order.borrow(),
            "ab" /* warm-up */
                .to_owned()
                + "ab"
                + "ba"
        );
    }
}
