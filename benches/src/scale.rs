//! The throughput of hits with more threads.

use crate::args::Args;
use crate::keys::{FEW, Keys};
use crate::now::now;
use crate::peers::{self, Peers, Quick, Small};
use crate::report::{Better, Comparison, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Contender, Sample, Side, columns, compare};
use crate::{Result, ours, threads};

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    ours::install(Small::CAPACITY)?;
    let (keys, calls) = (Keys::few(), args.size(500_000));
    let moka = peers::moka(Small::CAPACITY);
    let (foyer, quick) = (peers::foyer(Small::CAPACITY), Quick::new(Small::CAPACITY));
    let contenders = vec![
        contender(Larder, "larder: automatic key", &keys, calls, |id| now(ours::automatic(id))),
        contender(Larder, "larder: template", &keys, calls, |id| now(ours::templated(id))),
        contender(Larder, "larder: sync, template", &keys, calls, ours::templated_sync),
        contender(Peer, "cached: concurrent_cached", &keys, calls, |id| now(Small::concurrent(id))),
        contender(Peer, "cached: concurrent_cached, format!", &keys, calls, |id| {
            now(Small::concurrent_text(id))
        }),
        contender(Peer, "moka: get_with", &keys, calls, |id| now(moka.get_with(id, async { id }))),
        contender(Part, "foyer: get", &keys, calls, |id| peers::foyer_read(&foyer, id, || id)),
        contender(Part, "quick_cache: get", &keys, calls, |id| {
            peers::quick_read(&quick, id, || id)
        }),
    ];
    let columns = columns("threads: {}", threads::numbers());
    let title = format!("throughput of hits, {FEW} keys");
    let rates = compare(&title, ("M/s", Better::More), &columns, args.rounds(15), contenders);
    let growth = growth(&rates);
    Ok(vec![rates.into(), growth.into()])
}

/// Millions of calls a second, of all threads together.
fn contender<'a, R>(
    side: Side,
    name: &str,
    keys: &'a Keys,
    calls: u64,
    work: impl Fn(u64) -> R + Sync + 'a,
) -> Contender<'a> {
    Contender::new(side, name, move |threads| {
        let time = keys.time(threads, calls, &work);
        (threads * calls) as f64 / time.wall.as_secs_f64() / 1e6
    })
}

/// The throughput in relation to one thread of the same contender.
fn growth(rates: &Comparison) -> Comparison {
    let mut growth = rates.clone();
    growth.title = format!("{}, relative to one thread", rates.title);
    growth.unit = "times".to_owned();
    for row in &mut growth.rows {
        let single = row.samples[0].median;
        row.samples.iter_mut().for_each(|sample| *sample = Sample::exact(sample.median / single));
    }
    growth
}
