//! The load behind a batch: the one generic part.

use std::any::type_name;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::join;
use smallvec::{SmallVec, smallvec};

use super::items::{FEW, ItemText, Items};
use super::shape::Each;
use super::{Answered, Asking};
use crate::base::{BoxFuture, CacheValue, Error, Policy, Source};
use crate::call::function::Described;
use crate::call::rules::Rules;
use crate::codec::Coder;
use crate::engine::{Decide, Engine, FirstLook, Judge, Keep, Site, Trace};
use crate::tags::Declared;

/// The load behind a [`Batch`](crate::Batch), for signatures, as [`Load`](crate::Load) is for a [`Call`](crate::Call). Only larder
/// implements it.
pub trait LoadEach: Unpin {
    /// The id of an item.
    type Id: Clone;
    /// The output of the function.
    type Output;
    /// The function.
    #[doc(hidden)]
    type Function: Described;
    /// The compiler's name of a closure in the function.
    #[doc(hidden)]
    fn closure() -> &'static str;
    /// All ids.
    #[doc(hidden)]
    fn ids(&self) -> &[Self::Id];
    #[doc(hidden)]
    fn codec(&self) -> Option<Coder>;
    /// What the function decides about a value.
    #[doc(hidden)]
    fn decide(&self) -> Option<Decide>;
    /// The output, if the memory tier has all of it.
    #[doc(hidden)]
    fn hit(&mut self, inside: Inside<'_>) -> Option<Answered<Self::Output>>;
    #[doc(hidden)]
    fn run(
        &mut self,
        asking: &mut dyn FnMut() -> Asking,
        cx: &mut Context<'_>,
    ) -> Poll<Answered<Self::Output>>;
    /// The cached values, as an output.
    #[doc(hidden)]
    fn peek(&self, asking: Asking) -> BoxFuture<'static, Result<Self::Output, Error>>;
    /// Stores the values of an output, and evicts the ids without one.
    #[doc(hidden)]
    fn put(&self) -> PutAll<Self::Output>;
}

/// Stores an output.
pub(super) type PutAll<O> =
    Box<dyn FnOnce(Asking, O) -> BoxFuture<'static, Result<(), Error>> + Send>;

/// The arguments of [`LoadEach::hit`].
#[derive(Debug)]
pub struct Inside<'a> {
    pub(super) engine: &'a Engine,
    pub(super) items: &'a Items,
    pub(super) policy: &'a Policy,
    pub(super) site: &'static Site,
}

/// One batch, and the function that makes its slow path.
pub(crate) struct Loading<P, C, G: Each, W, M, F> {
    /// The function, and a closure in it.
    pub(super) of: PhantomData<fn() -> (P, C)>,
    pub(super) rules: Rules<G>,
    pub(super) ids: SmallVec<[G::Id; FEW]>,
    /// The values of the memory tier.
    pub(super) found: Vec<Option<G::Value>>,
    pub(super) start: Option<(W, M)>,
    pub(super) running: Option<Pin<Box<F>>>,
}

// Nothing in it is pinned in place: the running future is boxed.
impl<P, C, G: Each, W, M, F> Unpin for Loading<P, C, G, W, M, F> {}

/// The start of the slow path of a batch.
pub(crate) struct Wanted<G: Each> {
    pub(crate) asking: Asking,
    pub(crate) rules: Rules<G>,
    pub(crate) ids: Vec<G::Id>,
    pub(crate) found: Vec<Option<G::Value>>,
}

impl<P, C, G, W, M, F> LoadEach for Loading<P, C, G, W, M, F>
where
    P: Described,
    G: Each<Id: Clone + Eq + Hash + Send + 'static, Value: CacheValue>,
    M: FnOnce(Wanted<G>, W) -> F,
    F: Future<Output = Answered<G::Whole>>,
{
    type Id = G::Id;
    type Output = G::Whole;
    type Function = P;

    fn closure() -> &'static str {
        type_name::<C>()
    }

    fn ids(&self) -> &[G::Id] {
        &self.ids
    }

    fn codec(&self) -> Option<Coder> {
        self.rules.codec
    }

    fn decide(&self) -> Option<Decide> {
        self.rules.decide()
    }

    fn hit(&mut self, inside: Inside<'_>) -> Option<Answered<G::Whole>> {
        let Inside { engine, items, policy, site } = inside;
        let look = |item: ItemText<'_>| {
            let tags = Declared::new(policy.tags, item.tags());
            engine.look_for(item.id(), tags, policy, &mut FirstLook::default())
        };
        // Not kept in the batch, because values may be large.
        let mut values: SmallVec<[G::Value; FEW]> = SmallVec::with_capacity(items.len());
        let mut looking = items.iter();
        values.extend(looking.by_ref().map_while(look));
        let tally = engine.counters().of(Some(site));
        values.iter().for_each(|_| tally.memory_hits());
        if values.len() < items.len() {
            self.found = values.into_iter().map(Some).chain([None]).collect();
            self.found.extend(looking.map(look).inspect(|found| {
                if found.is_some() {
                    tally.memory_hits();
                }
            }));
            return None;
        }
        let sources = smallvec![Source::Memory; values.len()];
        let output = G::put_together(self.ids.iter().cloned().zip(values));
        Some(Answered { output, sources })
    }

    fn run(
        &mut self,
        asking: &mut dyn FnMut() -> Asking,
        cx: &mut Context<'_>,
    ) -> Poll<Answered<G::Whole>> {
        if let Some((work, make)) = self.start.take() {
            let mut found = std::mem::take(&mut self.found);
            found.resize_with(self.ids.len(), || None);
            let (rules, ids) = (self.rules, self.ids.to_vec());
            let wanted = Wanted { asking: asking(), rules, ids, found };
            self.running = Some(Box::pin(make(wanted, work)));
        }
        match &mut self.running {
            Some(running) => running.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn peek(&self, asking: Asking) -> BoxFuture<'static, Result<G::Whole, Error>> {
        let (Asking { target, requests }, ids) = (asking, self.ids.clone());
        Box::pin(async move {
            let engine = target.resolve()?.engine;
            let values = engine.peek_many::<G::Value>(requests, Trace::Nothing).await?;
            let there = ids.into_iter().zip(values).filter_map(|(id, value)| Some((id, value?)));
            Ok(G::put_together(there))
        })
    }

    fn put(&self) -> PutAll<G::Whole> {
        let (ids, judge) = (self.ids.clone(), self.rules.values.judge());
        Box::new(move |asking, output| put_each::<G>(&ids, &judge, asking, output))
    }
}

fn put_each<G>(
    ids: &[G::Id],
    judge: &Judge,
    asking: Asking,
    output: G::Whole,
) -> BoxFuture<'static, Result<(), Error>>
where
    G: Each<Id: Eq + Hash, Value: CacheValue>,
{
    let Asking { target, requests } = asking;
    // A failed output says nothing about the current values, so all ids are evicted.
    let mut values: HashMap<_, _> = match G::take_apart(output) {
        Ok(pairs) => pairs.into_iter().map(|(id, value)| (id, G::join(value))).collect(),
        Err(_) => HashMap::new(),
    };
    let values = ids.iter().map(|id| values.remove(id).unwrap_or_else(G::absent));
    let values = values.map(|output| G::split(output).ok());
    let values: Vec<Option<G::Value>> = values.collect();
    let judge = judge.clone();
    Box::pin(async move {
        let engine = target.resolve()?.engine;
        let (mut puts, mut gone) = (Vec::new(), Vec::new());
        for (mut request, value) in requests.into_iter().zip(values) {
            engine.complete(&mut request);
            let kept = value
                .map(|value| (request.keep(judge.verdict(&value, &request.policy), &value), value));
            match kept {
                Some((Keep::Under(policy), value)) => {
                    request.policy = policy;
                    puts.push((request, value));
                }
                // A value that the function would not cache evicts, too, because the cached value is old.
                Some((Keep::No, _)) | None => gone.push(request.key),
            }
        }
        // Both begin in the first poll.
        let (evicted, put) = join(engine.invalidate_keys(&gone), engine.put_many(puts)).await;
        evicted.map(drop).and(put.map_err(first_failure))
    })
}

/// The first of several failures.
fn first_failure(error: Error) -> Error {
    match error {
        Error::Several { mut failed, .. } if !failed.is_empty() => failed.swap_remove(0).1,
        error => error,
    }
}
