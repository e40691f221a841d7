//! Many keys in one call: from Redis on a runtime of one thread, and from memory.

use std::hint::black_box;
use std::time::Instant;

use futures_util::future::join_all;
use redis::AsyncCommands;
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::now::now;
use crate::peers::{self, Peers, Quick, Small};
use crate::remote::{Site, USERS, User, decoded, raw_key, user, users};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Part, Peer};
use crate::rounds::{Contender, Side, columns, compare};
use crate::{Result, ours};

const SIZES: [u64; 3] = [10, 100, 1_000];

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    Ok(vec![from_redis(args)?, from_memory(args)?])
}

fn from_redis(args: &Args) -> Result<Section> {
    let site = Site::start()?;
    site.install("remote", |builder| builder.no_memory())?;
    let remote = Remote { runtime: &site.runtime, calls: args.size(100) };
    let contenders = vec![
        remote.contender(Larder, "larder: each", async |ids| {
            users(ids).await.into_iter().map(|(_, user)| user).collect()
        }),
        remote.contender(Larder, "larder: single calls, joined", async |ids| {
            join_all(ids.iter().map(|id| user(*id))).await.into_iter().flatten().collect()
        }),
        remote.contender(Peer, "raw MGET and decoding", async |ids| {
            let keys: Vec<String> = ids.iter().map(|id| raw_key(*id)).collect();
            let values = site.raw.clone().mget::<_, Vec<Vec<u8>>>(keys).await.unwrap_or_default();
            values.iter().filter_map(|bytes| decoded(bytes)).collect()
        }),
        remote.contender(Peer, "raw pipeline of GETs and decoding", async |ids| {
            let mut pipeline = redis::pipe();
            for id in ids {
                pipeline.get(raw_key(*id));
            }
            let values = pipeline.query_async::<Vec<Vec<u8>>>(&mut site.raw.clone()).await;
            values.unwrap_or_default().iter().filter_map(|bytes| decoded(bytes)).collect()
        }),
    ];
    let columns = columns("ids: {}", SIZES);
    Ok(compare("batch from Redis", ("us", Better::Less), &columns, args.rounds(11), contenders)
        .into())
}

struct Remote<'a> {
    runtime: &'a Runtime,
    calls: u64,
}

impl<'a> Remote<'a> {
    /// The microseconds of one batch.
    fn contender(
        &self,
        side: Side,
        name: &str,
        read: impl AsyncFn(&[u64]) -> Vec<User> + 'a,
    ) -> Contender<'a> {
        let (runtime, calls) = (self.runtime, self.calls);
        Contender::new(side, name, move |size| {
            let ids = ids(size);
            let began = Instant::now();
            runtime.block_on(async {
                for _ in 0..calls {
                    let users = read(&ids).await;
                    assert!(users.iter().map(|user| user.id).eq(ids.iter().copied()));
                }
            });
            began.elapsed().as_secs_f64() * 1e6 / calls as f64
        })
    }
}

fn from_memory(args: &Args) -> Result<Section> {
    ours::install(Small::CAPACITY)?;
    let (quick, moka) = (Quick::new(Small::CAPACITY), peers::moka(Small::CAPACITY));
    let calls = args.size(2_000);
    let contenders = vec![
        local(Larder, "larder: each", calls, |ids| now(ours::rows(ids)).len()),
        local(Larder, "larder: single calls", calls, |ids| {
            ids.iter().map(|id| now(ours::templated(*id))).collect::<Vec<_>>().len()
        }),
        local(Peer, "cached: single calls", calls, |ids| {
            ids.iter().map(|id| now(Small::concurrent(*id))).collect::<Vec<_>>().len()
        }),
        local(Peer, "moka: single calls", calls, |ids| {
            let one = |id: u64| now(moka.get_with(id, async move { id }));
            ids.iter().map(|id| one(*id)).collect::<Vec<_>>().len()
        }),
        local(Part, "quick_cache: single reads", calls, |ids| {
            let one = |id: u64| peers::quick_read(&quick, id, || id);
            ids.iter().map(|id| one(*id)).collect::<Vec<_>>().len()
        }),
    ];
    let columns = columns("ids: {}", SIZES);
    Ok(compare("batch from memory", ("us", Better::Less), &columns, args.rounds(15), contenders)
        .into())
}

/// The microseconds of one batch.
fn local<'a>(
    side: Side,
    name: &str,
    calls: u64,
    read: impl Fn(&[u64]) -> usize + 'a,
) -> Contender<'a> {
    Contender::new(side, name, move |size| {
        let ids = ids(size);
        let began = Instant::now();
        for _ in 0..calls {
            assert_eq!(black_box(read(black_box(&ids))), ids.len());
        }
        began.elapsed().as_secs_f64() * 1e6 / calls as f64
    })
}

/// Different ids, not in order.
fn ids(size: u64) -> Vec<u64> {
    (0..size).map(|at| at * 7919 % USERS).collect()
}
