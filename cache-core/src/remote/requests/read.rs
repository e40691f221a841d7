//! Reads values together with the generations by which they are judged.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::{LeaseQuestion, Remote};
use crate::backend::{GENERATION_TTL, LeaseOutcome, ReadRequest, StoredValue};
use crate::base::{BackendError, Timestamp};
use crate::remote::pending::Affected;
use crate::tags::Generations;

/// A value that came from the store.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) read: StoredValue,
    /// The moment before the request. The remaining life of the value counts from there, because the answer
    /// takes time.
    pub(crate) asked: Timestamp,
}

/// The result of a read, with the generations from before it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) value: Option<Arrived>,
    pub(crate) space: u64,
    pub(crate) tags: Vec<u64>,
}

/// A read among others of one request.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a str,
    pub(crate) tags: Vec<&'a str>,
}

/// The tags of all reads, each once and in order.
fn all_tags<'a>(wanted: &[Wanted<'a>]) -> Vec<&'a str> {
    let mut tags: Vec<&str> = wanted.iter().flat_map(|one| one.tags.iter().copied()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// The generations of one list, of those that are `known` of all tags.
fn own_tags(all: &[&str], known: &Found, own: &[&str]) -> Vec<u64> {
    let generation = |tag: &&str| {
        let at = all.binary_search(tag).ok();
        at.and_then(|at| known.tags.get(at)).copied().unwrap_or_default()
    };
    own.iter().map(generation).collect()
}

/// The keys in a text, of which each ends at one of these places.
fn keys_of<'a>(text: &'a str, ends: &[usize]) -> Vec<&'a str> {
    let mut begin = 0;
    let key = |end: &usize| {
        let from = std::mem::replace(&mut begin, *end);
        text.get(from..*end).unwrap_or_default()
    };
    ends.iter().map(key).collect()
}

impl Remote {
    /// Reads the fleet's generations of the namespace and of `tags`, and records them in `generations`. New
    /// generations are kept for `keep`.
    pub(crate) async fn learn(
        self: &Arc<Self>,
        tags: &[&str],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        self.guarded(Affected::Keys(&[]), self.learn_now(tags, keep, generations)).await
    }

    async fn learn_now(
        &self,
        tags: &[&str],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        let places = self.tag_keys(tags);
        let places = self.generation_keys(&places);
        let asking = async {
            let found = self.backend.generations(&places, keep.max(GENERATION_TTL)).await?;
            Ok((found, ()))
        };
        Ok(self.learned(tags, generations, asking).await?.0)
    }

    fn tag_keys(&self, tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| self.tag_key(tag)).collect()
    }

    /// The keys of the generations of the namespace and of tags.
    fn generation_keys<'a>(&'a self, tags: &'a [String]) -> Vec<&'a str> {
        let mut keys = Vec::with_capacity(1 + tags.len());
        keys.push(self.space_key.as_str());
        keys.extend(tags.iter().map(String::as_str));
        keys
    }

    /// Records the generations that `asking` brings: those of the namespace and of `tags`.
    async fn learned<T>(
        &self,
        tags: &[&str],
        generations: &Generations,
        asking: impl Future<Output = Result<(Vec<u64>, T), BackendError>>,
    ) -> Result<(Found, T), BackendError> {
        // Without trust, no one wants to know when the generations were asked for.
        let asked = self
            .trusts_tags()
            .then(|| generations.asking(tags, self.clock.now(), self.pending.changes()));
        let (found, beside) = asking.await?;
        let (space, found) = found.split_first().map_or((0, Vec::new()), |(s, t)| (*s, t.to_vec()));
        generations.learn_space(space);
        for (tag, generation) in tags.iter().zip(&found) {
            generations.learn_tag(tag, *generation);
        }
        if let Some(asked) = asked {
            generations.answered(tags, &asked);
        }
        Ok((Found { value: None, space, tags: found }, beside))
    }

    /// Whether a read may use generations that were read earlier.
    pub(crate) fn trusts_tags(&self) -> bool {
        !self.trusts.is_zero()
    }

    /// Like [`learn`](Self::learn), for a value that is about to be read: generations that are still trusted
    /// are not read.
    async fn known_now(
        &self,
        tags: &[&str],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        match self.trusted(tags, generations) {
            Some(trusted) => Ok(trusted),
            None => self.learn_now(tags, keep, generations).await,
        }
    }

    /// The generations that were read earlier, if they are still trusted.
    fn trusted(&self, tags: &[&str], generations: &Generations) -> Option<Found> {
        if !self.trusts_tags() {
            return None;
        }
        let since = self.clock.now().before(self.trusts);
        let (space, tags) = generations.trusted(tags, since, self.pending.changes())?;
        Some(Found { value: None, space, tags })
    }

    /// Reads the value's bytes, and the generations from before it.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        tags: &[&str],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        // Pinned here: each function that takes a future has room for it twice.
        let reading = pin!(async {
            let place = self.value_key(key);
            let keys = [place.as_str()];
            let asked = self.clock.now();
            let (mut found, read) = match self.trusted(tags, generations) {
                Some(trusted) => (trusted, self.backend.get_many(&keys, self.most).await?),
                None => {
                    let places = self.tag_keys(tags);
                    let places = self.generation_keys(&places);
                    let keep = keep.max(GENERATION_TTL);
                    let most = self.most;
                    let read = ReadRequest { keys: &keys, most, generations: &places, keep };
                    self.learned(tags, generations, self.backend.read(read)).await?
                }
            };
            let read = read.into_iter().next().flatten();
            found.value = read.map(|read| Arrived { read, asked });
            Ok(found)
        });
        self.guarded(Affected::Keys(&[key]), reading).await
    }

    /// Like [`read`](Self::read), and requests the lease of the key if there is no value. Then the answer to that is returned,
    /// too.
    pub(crate) async fn read_or_acquire(
        self: &Arc<Self>,
        question: LeaseQuestion<'_>,
        tags: &[&str],
        keep: Duration,
        generations: &Generations,
    ) -> Result<(Found, Option<LeaseOutcome>), BackendError> {
        // Pinned here, as in `read`.
        let reading = pin!(async {
            let place = self.value_key(question.key);
            let lease = self.lease_request(&place, question);
            let asked = self.clock.now();
            let places = self.tag_keys(tags);
            let places = self.generation_keys(&places);
            let reading = self.backend.read_or_acquire(lease, &places, keep.max(GENERATION_TTL));
            let (mut found, outcome) = self.learned(tags, generations, reading).await?;
            Ok(match outcome {
                LeaseOutcome::Value(read) => {
                    found.value = Some(Arrived { read, asked });
                    (found, None)
                }
                outcome => (found, Some(outcome)),
            })
        });
        self.guarded(Affected::Keys(&[question.key]), reading).await
    }

    /// Like [`read`](Self::read), for many keys: one request for all values, and one for the generations of
    /// all tags.
    pub(crate) async fn read_each(
        self: &Arc<Self>,
        wanted: &[Wanted<'_>],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Vec<Found>, BackendError> {
        let tags = all_tags(wanted);
        let keys: Vec<&str> = wanted.iter().map(|one| one.key).collect();
        let readable = self.free(&keys).await?;
        let (places, ends) = self.value_keys(&keys);
        let places = keys_of(&places, &ends);
        let reading = async {
            let (known, values) = tokio::join!(
                self.known_now(&tags, keep, generations),
                self.within_reach(&places, &readable)
            );
            Ok((known?, values?))
        };
        let read = self.tried(reading).await;
        self.signals.tell_changes();
        let (known, values) = read?;
        let mut values = values.into_iter();
        let found = wanted.iter().map(|one| Found {
            value: values.next().flatten(),
            space: known.space,
            tags: own_tags(&tags, &known, &one.tags),
        });
        Ok(found.collect())
    }

    /// The keys of many values in one text, and where each ends.
    fn value_keys(&self, keys: &[&str]) -> (String, Vec<usize>) {
        let length = keys.iter().map(|key| self.namespace.len() + 1 + key.len()).sum();
        let mut text = String::with_capacity(length);
        let ends = keys.iter().map(|key| {
            [&self.namespace, ":", key].iter().for_each(|part| text.push_str(part));
            text.len()
        });
        let ends = ends.collect();
        (text, ends)
    }

    /// Like [`learn`](Self::learn), for many lists of tags in one request.
    pub(crate) async fn learn_each(
        self: &Arc<Self>,
        wanted: &[Wanted<'_>],
        keep: Duration,
        generations: &Generations,
    ) -> Result<Vec<Found>, BackendError> {
        let tags = all_tags(wanted);
        let known = self.learn(&tags, keep, generations).await?;
        let found = wanted.iter().map(|one| Found {
            value: None,
            space: known.space,
            tags: own_tags(&tags, &known, &one.tags),
        });
        Ok(found.collect())
    }

    /// Reads many values. Keys on an unreachable part of the store, and keys that are not `readable`, have
    /// none. An error if that is every key.
    async fn within_reach(
        &self,
        places: &[&str],
        readable: &[bool],
    ) -> Result<Vec<Option<Arrived>>, BackendError> {
        let asked = self.clock.now();
        let arrived = |read| Arrived { read, asked };
        let mut found = self.backend.get_each(places, self.most).await;
        match found.iter().position(Result::is_ok) {
            None if !found.is_empty() => found.swap_remove(0).map(|_| Vec::new()),
            _ => {
                let found = found.into_iter().map(|one| one.unwrap_or(None).map(arrived));
                Ok(found.zip(readable).map(|(found, may)| found.filter(|_| *may)).collect())
            }
        }
    }
}
