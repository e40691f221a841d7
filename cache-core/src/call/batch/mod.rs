//! A function over a list of ids, cached for each id.

mod directions;
mod drive;
mod fetch;
mod ids;
mod items;
mod load;
mod party;
mod serve;
mod shape;

pub use directions::{EvictEach, PeekEach, PutEach, TracedBatch};
pub use fetch::FetchEach;
pub use ids::{Ids, KeyOf, Pairs};
pub use load::LoadEach;
pub(crate) use load::Wanted;
pub(crate) use serve::in_foreground;
pub use shape::{Asked, Each, Found, Repeat, again, asked, found, repeats};

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use smallvec::SmallVec;

use super::target::CacheRef;
use crate::base::{Expiry, PolicyRef, Source, Usage};
use crate::codec::Coder;
use crate::engine::{Decide, Mode, Request, Site};
use crate::tags::RequestTags;
use items::Items;
use load::Inside;

/// A call of a function that is cached for each id (`#[cached(each = "id in ids")]`).
///
/// It is a future with the function's output. Nothing happens before it is polled. One request reads all ids from the remote
/// tier. The function's body runs once for the ids that miss. Each of these has its own flight, ticket and lease, as if it were
/// called alone, but one request asks for all their leases, and one stores all their values (for each thousand ids). Ids that
/// are refreshed in the background, and those whose old values are served after a soft timeout, load apart from the others. The
/// batch waits for ids that another caller or process is already loading; meanwhile the others are loaded and stored. If that
/// load fails, the body runs again for these ids. An empty list runs nothing.
///
/// Before it is awaited it takes the directions of a [`Call`](crate::Call), for all its ids:
///
/// ```ignore
/// users(&db, &[7, 8]).refresh().await?;          // load now and replace
/// users(&db, &[7, 8]).bypass().await?;           // neither read nor write the cache
/// users(&db, &[7, 8]).peek().await?;             // what is cached, without loading
/// users(&db, &[7, 8]).evict().await?;            // forget them
/// users(&db, &[7, 8]).put(map).await?;           // write through; ids without a value are forgotten
/// let (users, sources) = users(&db, &[7, 8]).traced().await;
/// ```
#[must_use = "a call does nothing unless it is awaited"]
pub struct Batch<L> {
    whole: BatchInner<L>,
}

/// The part of a [`Batch`] that does not depend on the kind of output; see there.
pub struct BatchInner<L> {
    target: CacheRef,
    policy: PolicyRef,
    mode: Mode,
    /// Whether the function is sync.
    blocking: bool,
    items: Items,
    tenant: super::tenant::Named,
    /// The time to live of the call's directions.
    ttl: Option<Expiry>,
    /// The tiers and the access of the call's directions. The policy has them, too.
    usage: Usage,
    polled: bool,
    site: &'static Site,
    load: L,
}

/// An output, and the source of each id's value.
pub struct Answered<O> {
    pub(crate) output: O,
    sources: Sources,
}

/// A few are stored in place: as many as take no more space than a list of many.
type Sources = SmallVec<[Source; 16]>;

/// The cache and the requests of a batch, with all directions applied.
pub struct Asking {
    pub(crate) target: CacheRef,
    pub(crate) requests: Vec<Request>,
}

impl<L> fmt::Debug for Batch<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("ids", &self.whole.items.len()).finish_non_exhaustive()
    }
}

impl<L> fmt::Debug for BatchInner<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchInner").field("ids", &self.items.len()).finish_non_exhaustive()
    }
}

impl<L> Deref for Batch<L> {
    type Target = BatchInner<L>;
    fn deref(&self) -> &BatchInner<L> {
        &self.whole
    }
}

impl<L> Batch<L> {
    fn new(
        (target, site): (CacheRef, &'static Site),
        policy: PolicyRef,
        (mode, blocking): (Mode, bool),
        (items, tenant): (Items, super::tenant::Named),
        load: L,
    ) -> Self {
        let (ttl, usage, polled) = (None, Usage::default(), false);
        Self {
            whole: BatchInner {
                target,
                policy,
                mode,
                blocking,
                items,
                tenant,
                ttl,
                usage,
                polled,
                site,
                load,
            },
        }
    }
}

impl<L: LoadEach> BatchInner<L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answered<L::Output>> {
        let first = !std::mem::replace(&mut self.polled, true);
        if first && let Some(hit) = self.hit() {
            return Poll::Ready(hit);
        }
        let Self { target, policy, mode, blocking, items, tenant, ttl, usage, site, load, .. } =
            self;
        let (codec, decide) = (load.codec(), directed(load.decide(), *ttl));
        let (mode, blocking, ttl, usage) = (*mode, *blocking, *ttl, *usage);
        let like = Like { policy, mode, blocking, codec, decide: &decide, ttl, usage, site };
        load.run(&mut || asking(target, like, items, tenant), cx)
    }

    /// A hit: the memory tier has all values.
    fn hit(&mut self) -> Option<Answered<L::Output>> {
        let of_tenant = self.tenant.is_some() || self.target.prefix().is_some();
        if self.mode != Mode::Normal || of_tenant || !crate::engine::is_unscoped() {
            return None;
        }
        let Self { target, policy, items, site, load, .. } = self;
        target.with(|engine| load.hit(Inside { engine, items, policy, site }))
    }

    fn asking(&self) -> Asking {
        let Self { policy, mode, blocking, ttl, usage, site, load, .. } = self;
        let (codec, decide) = (load.codec(), directed(load.decide(), *ttl));
        let (mode, blocking, ttl, usage) = (*mode, *blocking, *ttl, *usage);
        let like = Like { policy, mode, blocking, codec, decide: &decide, ttl, usage, site };
        asking(&self.target, like, &self.items, &self.tenant)
    }
}

/// The decisions about a value. The directions decide its time to live, if they have one.
fn directed(decide: Option<Decide>, ttl: Option<Expiry>) -> Option<Decide> {
    match ttl {
        Some(ttl) => decide.map(|decide| decide.with_ttl(ttl)),
        None => decide,
    }
}

/// The data that the items of a batch share.
#[derive(Clone, Copy)]
struct Like<'a> {
    policy: &'a PolicyRef,
    mode: Mode,
    blocking: bool,
    codec: Option<Coder>,
    decide: &'a Option<Decide>,
    ttl: Option<Expiry>,
    usage: Usage,
    site: &'static Site,
}

fn asking(
    target: &CacheRef,
    like: Like<'_>,
    items: &Items,
    tenant: &super::tenant::Named,
) -> Asking {
    let mut target = target.clone();
    let policy = match like.ttl {
        Some(ttl) => &PolicyRef::Own(Arc::new(like.policy.until(ttl))),
        None => like.policy,
    };
    let requests = items.iter().map(|item| {
        let tags = RequestTags::from(item.tags());
        let mut request = Request::new(item.key(), tags, policy.clone(), like.codec);
        request.mode = like.mode;
        request.blocking = like.blocking;
        request.site = Some(like.site);
        request.decide.clone_from(like.decide);
        request.ttl = like.ttl;
        request.usage = like.usage;
        super::tenant::enter(tenant.as_deref(), &mut target, &mut request);
        request
    });
    let requests = requests.collect();
    Asking { target, requests }
}

impl<L: LoadEach> Future for Batch<L> {
    type Output = L::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Output> {
        self.whole.poll(cx).map(|answered| answered.output)
    }
}

impl<L> Unpin for Batch<L> {}
