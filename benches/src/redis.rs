//! Hits and misses through a Redis server on this machine, on a runtime of one thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use larder::cached;
use redis::AsyncCommands;
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::remote::{Site, USERS, User, decoded, raw_key, user};
use crate::report::{Better, Section};
use crate::rounds::Side::{Larder, Peer};
use crate::rounds::{Contender, Side, columns, compare};
use crate::{Result, large};

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["users"], cache = "remote")]
async fn tagged(id: u64) -> Option<User> {
    Some(User::new(id))
}

#[cached(key = "trusting:{id}", ttl = "1h", tags = ["users"], cache = "trusting")]
async fn trusting(id: u64) -> Option<User> {
    Some(User::new(id))
}

#[cached(key = "both:{id}", ttl = "1h", cache = "both")]
async fn both(id: u64) -> Option<User> {
    Some(User::new(id))
}

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    let site = Site::start()?;
    site.install("remote", |builder| builder.no_memory())?;
    site.install("trusting", |builder| builder.no_memory().trust_tags(Duration::from_secs(2)))?;
    site.install("both", |builder| builder)?;
    let mut sections = vec![hits(args, &site), tagged_hits(args, &site), misses(args, &site)];
    sections.extend(large::sections(args, &site));
    Ok(sections)
}

fn hits(args: &Args, site: &Site) -> Section {
    let raw = site.raw.clone();
    let rate = Rate { runtime: &site.runtime, calls: args.size(20_000) };
    let contenders = vec![
        rate.contender(Larder, "larder, no memory tier", user),
        rate.contender(Peer, "raw GET and decoding", move |id| {
            let mut raw = raw.clone();
            async move { decoded(&raw.get::<_, Vec<u8>>(raw_key(id)).await.ok()?) }
        }),
    ];
    let columns = columns("tasks: {}", [1, 64, 256]);
    compare("hit through Redis", ("k/s", Better::More), &columns, args.rounds(11), contenders)
        .into()
}

fn tagged_hits(args: &Args, site: &Site) -> Section {
    let raw = site.raw.clone();
    let rate = Rate { runtime: &site.runtime, calls: args.size(20_000) };
    let contenders = vec![
        rate.contender(Larder, "larder, no memory tier", tagged),
        rate.contender(Larder, "larder, trust_tags", trusting),
        rate.contender(Peer, "raw MGET of value and generation", move |id| {
            let mut raw = raw.clone();
            async move {
                let keys = [raw_key(id), "generation:users".to_owned()];
                let answer = raw.mget::<_, (Vec<u8>, Option<u64>)>(&keys[..]).await;
                decoded(&answer.ok()?.0)
            }
        }),
    ];
    let title = "hit with one tag through Redis";
    let columns = columns("tasks: {}", [1, 64, 256]);
    compare(title, ("k/s", Better::More), &columns, args.rounds(11), contenders).into()
}

/// Thousands of calls a second.
struct Rate<'a> {
    runtime: &'a Runtime,
    calls: u64,
}

impl<'a> Rate<'a> {
    /// Several tasks that read the users in turn.
    fn contender<F>(
        &self,
        side: Side,
        name: &str,
        read: impl Fn(u64) -> F + Clone + Send + 'static,
    ) -> Contender<'a>
    where
        F: Future<Output = Option<User>> + Send,
    {
        let (runtime, calls) = (self.runtime, self.calls);
        Contender::new(side, name, move |tasks| {
            // A single task waits most of the time.
            let each = if tasks == 1 { calls / 10 } else { calls / tasks };
            let task = |task: u64| {
                let read = read.clone();
                async move {
                    for call in 0..each {
                        let id = (task * each + call) % USERS;
                        assert_eq!(read(id).await.map(|user| user.id), Some(id));
                    }
                }
            };
            let time = runtime.block_on(all((0..tasks).map(task)));
            (tasks * each) as f64 / time.as_secs_f64() / 1e3
        })
    }
}

/// The time of tasks that run at the same time.
async fn all(tasks: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) -> Duration {
    let began = Instant::now();
    let running: Vec<_> = tasks.map(tokio::spawn).collect();
    for task in running {
        task.await.unwrap_or_else(|error| panic!("a task failed: {error}"));
    }
    began.elapsed()
}

/// No two misses have the same key.
static NEXT: AtomicU64 = AtomicU64::new(USERS);

/// Calls that load at once, and store. The columns are tasks; the figure is the time of one call.
fn misses(args: &Args, site: &Site) -> Section {
    let calls = args.size(4_000);
    let (waiting, detached) = (site.raw.clone(), site.raw.clone());
    let contenders = vec![
        miss(Larder, "larder, memory and Redis", &site.runtime, calls, both),
        miss(Larder, "larder, no memory tier", &site.runtime, calls, user),
        miss(Peer, "raw GET, then SET", &site.runtime, calls, move |id| {
            let mut raw = waiting.clone();
            async move {
                let found = raw.get::<_, Option<Vec<u8>>>(raw_key(id)).await.ok()?;
                let user = User::new(id);
                let bytes = postcard::to_stdvec(&user).ok()?;
                raw.set_ex::<_, _, ()>(raw_key(id), bytes, 3600).await.ok()?;
                found.is_none().then_some(user)
            }
        }),
        miss(Peer, "raw GET, SET in the background", &site.runtime, calls, move |id| {
            let mut raw = detached.clone();
            async move {
                let found = raw.get::<_, Option<Vec<u8>>>(raw_key(id)).await.ok()?;
                let user = User::new(id);
                let bytes = postcard::to_stdvec(&user).ok()?;
                tokio::spawn(async move {
                    raw.set_ex::<_, _, ()>(raw_key(id), bytes, 3600).await.ok();
                });
                found.is_none().then_some(user)
            }
        }),
    ];
    let title = "cold miss through Redis, load at once";
    let columns = columns("tasks: {}", [1, 64]);
    compare(title, ("us", Better::Less), &columns, args.rounds(11), contenders).into()
}

fn miss<'a, F>(
    side: Side,
    name: &str,
    runtime: &'a Runtime,
    calls: u64,
    read: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Contender<'a>
where
    F: Future<Output = Option<User>> + Send,
{
    Contender::new(side, name, move |tasks| {
        let each = if tasks == 1 { calls / 4 } else { calls / tasks };
        let task = |_| {
            let read = read.clone();
            async move {
                for _ in 0..each {
                    let id = NEXT.fetch_add(1, Relaxed);
                    assert_eq!(read(id).await.map(|user| user.id), Some(id));
                }
            }
        };
        let time = runtime.block_on(all((0..tasks).map(task)));
        time.as_secs_f64() * 1e6 / each as f64
    })
}
