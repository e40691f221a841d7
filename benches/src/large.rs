//! Large values through Redis: lists of users. A copy, or a look at each element, is a large part of such a call.

use std::time::Instant;

use larder::cached;
use redis::AsyncCommands;
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::remote::{Site, User};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Peer};
use crate::rounds::{Contender, Side, columns, compare};

const SIZES: [u64; 3] = [100, 1_000, 10_000];

#[cached(key = "list:{size}", ttl = "1h", cache = "remote")]
async fn list(size: u64) -> Vec<User> {
    made(size)
}

#[cached(key = "list:{size}", ttl = "1h", cache = "both")]
async fn kept(size: u64) -> Vec<User> {
    made(size)
}

fn made(size: u64) -> Vec<User> {
    (0..size).map(User::new).collect()
}

pub(crate) fn sections(args: &Args, site: &Site) -> Vec<Section> {
    vec![hits(args, site), stores(args, site)]
}

/// The microseconds of one hit.
fn hits(args: &Args, site: &Site) -> Section {
    let raw = site.raw.clone();
    let calls = Calls { runtime: &site.runtime, users: args.size(200_000) };
    for size in SIZES {
        let stored = async {
            let bytes = postcard::to_stdvec(&made(size)).unwrap_or_default();
            list(size).await;
            raw.clone().set::<_, _, ()>(key(size), bytes).await
        };
        site.runtime.block_on(stored).unwrap_or_else(|error| panic!("Redis failed: {error}"));
    }
    let contenders = vec![
        calls.contender(Larder, "larder, no memory tier", async |size| list(size).await),
        calls.contender(Peer, "raw GET and decoding", async move |size| {
            let bytes = raw.clone().get::<_, Vec<u8>>(key(size)).await.unwrap_or_default();
            postcard::from_bytes(&bytes).unwrap_or_default()
        }),
    ];
    let columns = columns("users: {}", SIZES);
    let title = "hit of a list through Redis";
    compare(title, ("us", Better::Less), &columns, args.rounds(11), contenders).into()
}

/// The microseconds of one load, with its store.
fn stores(args: &Args, site: &Site) -> Section {
    let raw = site.raw.clone();
    let calls = Calls { runtime: &site.runtime, users: args.size(200_000) };
    let contenders = vec![
        calls.contender(Larder, "larder, no memory tier", async |size| list(size).refresh().await),
        calls
            .contender(Larder, "larder, memory and Redis", async |size| kept(size).refresh().await),
        calls.contender(Peer, "raw encoding and SET", async move |size| {
            let users = made(size);
            let bytes = postcard::to_stdvec(&users).unwrap_or_default();
            let set = raw.clone().set_ex::<_, _, ()>(key(size), bytes, 3600).await;
            set.map(|()| users).unwrap_or_default()
        }),
    ];
    let columns = columns("users: {}", SIZES);
    let title = "load of a list, and its store in Redis";
    compare(title, ("us", Better::Less), &columns, args.rounds(11), contenders).into()
}

fn key(size: u64) -> String {
    format!("raw:list:{size}")
}

/// Calls in turn by one task, for about this many users in total.
struct Calls<'a> {
    runtime: &'a Runtime,
    users: u64,
}

impl<'a> Calls<'a> {
    fn contender(
        &self,
        side: Side,
        name: &str,
        call: impl AsyncFn(u64) -> Vec<User> + 'a,
    ) -> Contender<'a> {
        let (runtime, users) = (self.runtime, self.users);
        Contender::new(side, name, move |size| {
            let calls = (users / size).max(5);
            let began = Instant::now();
            runtime.block_on(async {
                for _ in 0..calls {
                    assert_eq!(call(size).await.len() as u64, size);
                }
            });
            began.elapsed().as_secs_f64() * 1e6 / calls as f64
        })
    }
}
