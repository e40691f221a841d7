//! The slow path of a batch: memory, the remote tier and one load, concurrently.

use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use smallvec::smallvec;
use tracing::Instrument;

use super::drive::drive;
use super::load::Wanted;
use super::party::{Again, Asked, Behind, Loads, Member, Never};
use super::shape::Each;
use super::{Answered, Asking, Sources};
use crate::base::{CacheValue, Cached, Error, Source, warn_once};
use crate::call::reading::item;
use crate::call::rules::Rules;
use crate::engine::{Beat, Items, Mode, Request, Seated, Spans, Table};

/// The items' loads run in the foreground only.
pub(crate) async fn in_foreground<G, L, F>(wanted: Wanted<G>, load: L) -> Answered<G::Whole>
where
    G: Each<Id: Clone + Eq + Hash, Value: CacheValue>,
    L: Fn(Vec<G::Id>) -> F,
    F: Future<Output = G::Whole>,
{
    serve(wanted, load, |_, _| Never).await
}

/// They may run in the background too, with inputs that `own` makes.
pub(crate) async fn in_either<G, L, F, K>(
    wanted: Wanted<G>,
    (load, own): (L, K),
) -> Answered<G::Whole>
where
    G: Each<Id: Clone + Eq + Hash + Send + 'static, Value: CacheValue, Output: Send>,
    L: Fn(Vec<G::Id>) -> F,
    F: Future<Output = G::Whole>,
    K: FnOnce() -> Loads<G>,
{
    serve(wanted, load, |table, spans| Again::new(table, spans, own)).await
}

async fn serve<G, B, L, F>(
    wanted: Wanted<G>,
    load: L,
    behind: impl FnOnce(&Arc<Table>, &Spans) -> B,
) -> Answered<G::Whole>
where
    G: Each<Id: Clone + Eq + Hash, Value: CacheValue>,
    B: Behind<G>,
    L: Fn(Vec<G::Id>) -> F,
    F: Future<Output = G::Whole>,
{
    let Wanted { asking: Asking { target, requests }, rules, ids, found } = wanted;
    let plain = requests.first().is_some_and(|request| request.mode == Mode::Bypass);
    let engine = if plain { None } else { Some(target.engine()) };
    let engine = match engine {
        Some(Ok(engine)) => engine,
        without => {
            let error = without.and_then(Result::err);
            if let Some(refused) = error.and_then(|error| refused(&rules, &requests, error)) {
                return Answered {
                    output: refused,
                    sources: smallvec![Source::Refused; ids.len()],
                };
            }
            let sources = smallvec![Source::Bypassed; ids.len()];
            return Answered { output: load(ids).await, sources };
        }
    };
    if let Some(Err(error)) = requests.first().map(|request| request.policy.check()) {
        warn_once("calls with this policy run uncached", &error.into());
        let sources = smallvec![Source::Bypassed; ids.len()];
        return Answered { output: load(ids).await, sources };
    }
    let beat = Beat::new(engine.clock());
    let table = Table::polled(&engine, Some(Arc::clone(beat.pulse())));
    let spans = Spans::new(&engine, requests.first().and_then(|request| request.site));
    let (asked, behind) = (Asked::none(), Arc::new(behind(&table, &spans)));
    let items = Items { engine, table, rules: rules.of_reads(), detaches: B::DETACHES };
    let mut begun = Vec::with_capacity(requests.len());
    for (at, request) in requests.into_iter().enumerate() {
        if found[at].is_none() {
            begun.push((at, items.begin(request)));
        }
    }
    let going_on = |at: usize, Seated { begun, seat, deciding }: Seated| {
        let (asked, behind) = (Arc::clone(&asked), Arc::clone(&behind));
        let member = Member { id: ids[at].clone(), asked, seat, behind };
        let item = item(begun, deciding, rules, member);
        async move { (at, item.await) }
    };
    let load = |ids: Vec<G::Id>| {
        let span = spans.load(Some(ids.len()));
        load(ids).instrument(span)
    };
    let mut rest: Vec<Option<Cached<G::Output>>> = Vec::new();
    rest.resize_with(ids.len(), || None);
    let mut failed = false;
    let done = |at: usize, done: Cached<G::Output>| {
        failed = failed || done.source == Source::Loaded && G::is_failure(&done.value);
        rest[at] = Some(done);
        failed
    };
    {
        let mut driving = pin!(drive(&items, begun, going_on, &asked, load, done));
        poll_fn(|cx| beat.poll(cx, |cx| driving.as_mut().poll(cx))).await;
    }
    together::<G>(ids, found, rest)
}

/// The output of a batch whose cache does not exist, if that counts as an error.
fn refused<G: Each>(rules: &Rules<G>, requests: &[Request], error: Error) -> Option<G::Whole> {
    let refused = rules.refusal(&requests.first()?.policy)?;
    G::failure(&refused(error))
}

/// The output: the values, or the failure of an item.
fn together<G: Each>(
    ids: Vec<G::Id>,
    found: Vec<Option<G::Value>>,
    rest: Vec<Option<Cached<G::Output>>>,
) -> Answered<G::Whole> {
    let mut sources = Sources::with_capacity(ids.len());
    let mut items = Vec::with_capacity(ids.len());
    let mut failed = None;
    for ((id, found), rest) in ids.into_iter().zip(found).zip(rest) {
        if let Some(value) = found {
            sources.push(Source::Memory);
            items.push((id, value));
            continue;
        }
        let Some(done) = rest else { continue };
        sources.push(done.source);
        match G::split(done.value) {
            Ok(value) => items.push((id, value)),
            Err(output) => failed = failed.or_else(|| G::failure(&output)),
        }
    }
    let output = failed.unwrap_or_else(|| G::put_together(items.into_iter()));
    Answered { output, sources }
}
