//! A hit in memory: nanoseconds of processor time for a call on each thread.

use std::collections::HashMap;

use crate::args::Args;
use crate::keys::{FEW, Keys, MANY};
use crate::now::now;
use crate::peers::{self, Large, Peers, Quick, Small};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Contender, Side, columns, compare};
use crate::{Result, ours, threads};

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    let few = Hits { keys: Keys::few(), calls: args.size(200_000), rounds: args.rounds(15) };
    let many = Hits { keys: Keys::many(), calls: args.size(MANY), rounds: args.rounds(9) };
    ours::install(Small::CAPACITY)?;
    let mut sections = vec![
        few.numbers::<Small>(&format!("async hit, key u64, {FEW} keys")),
        few.texts::<Small>(&format!("async hit, key user:{{id}}, {FEW} keys")),
        few.sync(&format!("sync hit, {FEW} keys")),
        few.shapes(&format!("async hit of larder, {FEW} keys")),
    ];
    ours::install(Large::CAPACITY)?;
    sections.push(many.numbers::<Large>(&format!("async hit, key u64, {MANY} keys, Zipf 0.99")));
    sections
        .push(many.texts::<Large>(&format!("async hit, key user:{{id}}, {MANY} keys, Zipf 0.99")));
    Ok(sections)
}

/// How hits are measured.
struct Hits {
    keys: Keys,
    calls: u64,
    rounds: usize,
}

impl Hits {
    fn contender<'a, R>(
        &'a self,
        side: Side,
        name: &str,
        work: impl Fn(u64) -> R + Sync + 'a,
    ) -> Contender<'a> {
        let mut is_warm = false;
        Contender::new(side, name, move |threads| {
            if !std::mem::replace(&mut is_warm, true) {
                self.keys.each(&work);
            }
            let time = self.keys.time(threads, self.calls, &work);
            time.cpu.as_nanos() as f64 / self.calls as f64
        })
    }

    fn compare(&self, title: &str, contenders: Vec<Contender<'_>>) -> Section {
        let columns = columns("threads: {}", threads::numbers());
        compare(title, ("ns", Better::Less), &columns, self.rounds, contenders).into()
    }

    fn numbers<P: Peers>(&self, title: &str) -> Section {
        let (moka, foyer) = (peers::moka(P::CAPACITY), peers::foyer(P::CAPACITY));
        let quick = Quick::new(P::CAPACITY);
        let contenders = vec![
            self.contender(Larder, "larder: automatic key", |id| now(ours::automatic(id))),
            self.contender(Peer, "cached: concurrent_cached", |id| now(P::concurrent(id))),
            self.contender(Peer, "cached: cached", |id| now(P::locked(id))),
            self.contender(Peer, "moka: get_with", |id| now(moka.get_with(id, async { id }))),
            self.contender(Part, "foyer: get", |id| peers::foyer_read(&foyer, id, || id)),
            self.contender(Part, "quick_cache: get", |id| peers::quick_read(&quick, id, || id)),
            self.contender(Part, "the loop alone", |id| now(async { id })),
        ];
        self.compare(title, contenders)
    }

    fn texts<P: Peers>(&self, title: &str) -> Section {
        let (moka, foyer) = (peers::moka(P::CAPACITY), peers::foyer(P::CAPACITY));
        let quick = Quick::new(P::CAPACITY);
        let text = |id: u64| format!("user:{id}");
        let contenders = vec![
            self.contender(Larder, "larder: template", |id| now(ours::templated(id))),
            self.contender(Peer, "cached: concurrent_cached, format!", |id| {
                now(P::concurrent_text(id))
            }),
            self.contender(Peer, "moka: get_with, format!", |id| {
                now(moka.get_with(text(id), async { id }))
            }),
            self.contender(Part, "foyer: get, format!", |id| {
                peers::foyer_read(&foyer, text(id), || id)
            }),
            self.contender(Part, "quick_cache: get, format!", |id| {
                peers::quick_read(&quick, text(id), || id)
            }),
            self.contender(Part, "format! alone", text),
        ];
        self.compare(title, contenders)
    }

    fn sync(&self, title: &str) -> Section {
        let moka = peers::moka_sync(Small::CAPACITY);
        let contenders = vec![
            self.contender(Larder, "larder: automatic key", ours::automatic_sync),
            self.contender(Larder, "larder: template", ours::templated_sync),
            self.contender(Peer, "cached: concurrent_cached", Small::concurrent_sync),
            self.contender(Part, "cached: concurrent_cached, format!", Small::concurrent_text_sync),
            self.contender(Peer, "moka: get_with", |id| moka.get_with(id, || id)),
        ];
        self.compare(title, contenders)
    }

    /// Kinds of keys, for which peers have no attribute.
    fn shapes(&self, title: &str) -> Section {
        let section = "handbook-".repeat(20);
        let filter = |id: u64| HashMap::from([("page", id), ("size", 20), ("team", 7)]);
        let contenders = vec![
            self.contender(Larder, "template", |id| now(ours::templated(id))),
            self.contender(Larder, "template, one tag", |id| now(ours::tagged(id))),
            self.contender(Larder, "template, key of 200 bytes", |id| {
                now(ours::long(&section, id))
            }),
            self.contender(Larder, "automatic, a map of 3", |id| now(ours::filtered(&filter(id)))),
            self.contender(Part, "the map alone", filter),
            self.contender(Larder, "each of 3 ids", |id| now(ours::rows(&[id, id + 1, id + 2]))),
        ];
        self.compare(title, contenders)
    }
}
