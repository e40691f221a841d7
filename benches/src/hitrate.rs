//! Hit rates of the policies, in percent of reads. A read that misses inserts its key.

use crate::Result;
use crate::args::Args;
use crate::policies::{Hits, POLICIES};
use crate::report::{Grid, Section};
use crate::trace::{Trace, generated, recorded};

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    if args.traces.is_empty() {
        return Ok(vec![grid(
            "hit rates of generated traces",
            &generated::all(args.size(1_000_000)),
        )]);
    }
    let mut traces = Vec::new();
    for source in &args.traces {
        traces.extend(recorded(source)?);
    }
    Ok(vec![grid("hit rates of recorded traces", &traces)])
}

fn grid(title: &str, traces: &[Trace]) -> Section {
    let rate = |trace: &Trace, hits: Hits| {
        100.0 * hits(&trace.keys, trace.capacity) as f64 / trace.keys.len() as f64
    };
    let row = |trace: &Trace| {
        eprintln!("  {}, {} entries", trace.name, trace.capacity);
        let rates = POLICIES.map(|(_, hits)| rate(trace, hits));
        (format!("{}, {} entries", trace.name, trace.capacity), rates.to_vec())
    };
    Grid {
        title: title.to_owned(),
        unit: "% of reads".to_owned(),
        columns: POLICIES.map(|(name, _)| name.to_owned()).to_vec(),
        rows: traces.iter().map(row).collect(),
    }
    .into()
}
