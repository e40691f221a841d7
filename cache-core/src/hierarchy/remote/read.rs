//! Reading values, each with the generations that it has to be compared with.

use std::sync::Arc;

use bytes::Bytes;

use super::Remote;
use crate::BackendError;
use crate::hierarchy::owed::Concern;
use crate::invalidation::Generations;

/// What a read found, with the generations of the moment before.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) space: u64,
    pub(crate) tags: Vec<u64>,
}

impl Remote {
    /// The fleet's generations of the namespace and of `tags`, also taken into `generations`.
    pub(crate) async fn learn(
        self: &Arc<Self>,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        self.guarded(Concern::Keys(&[]), self.learn_now(tags, generations)).await
    }

    async fn learn_now(
        &self,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        let mut places = vec![self.space_key()];
        places.extend(tags.iter().map(|tag| self.tag_key(tag)));
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let asked = generations.asking(tags, self.clock.now(), self.owed.changes());
        let found = self.backend.generations(&places).await?;
        let (space, found) = found.split_first().map_or((0, Vec::new()), |(s, t)| (*s, t.to_vec()));
        generations.learn_space(space);
        for (tag, generation) in tags.iter().zip(&found) {
            generations.learn_tag(tag, *generation);
        }
        generations.answered(tags, &asked);
        Ok(Found { bytes: None, space, tags: found })
    }

    /// Whether a read may have come without the fleet's generations of this moment.
    pub(crate) fn trusts_tags(&self) -> bool {
        !self.trusts.is_zero()
    }

    /// The same, for a value that is about to be read: what was read a moment ago may do.
    async fn known_now(
        &self,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        let since = self.clock.now().before(self.trusts);
        let trusted = self
            .trusts_tags()
            .then(|| generations.trusted(tags, since, self.owed.changes()))
            .flatten();
        match trusted {
            Some((space, tags)) => Ok(Found { bytes: None, space, tags }),
            None => self.learn_now(tags, generations).await,
        }
    }

    /// The value's bytes, and the generations as they were before it was read.
    pub(crate) async fn read(
        self: &Arc<Self>,
        key: &str,
        tags: &[&str],
        generations: &Generations,
    ) -> Result<Found, BackendError> {
        self.guarded(Concern::Keys(&[key]), async {
            let place = self.value_key(key);
            let keys = [place.as_str()];
            // Sent together; both are answered in the order they were sent.
            let (found, bytes) =
                tokio::join!(self.known_now(tags, generations), self.backend.get_many(&keys));
            let mut found = found?;
            found.bytes = bytes?.into_iter().next().flatten();
            Ok(found)
        })
        .await
    }

    /// As [`read`](Self::read), of many: one request for all values, and one for the generations of all tags.
    pub(crate) async fn read_each(
        self: &Arc<Self>,
        wanted: &[(&str, &[String])],
        generations: &Generations,
    ) -> Result<Vec<Found>, BackendError> {
        let mut tags: Vec<&str> =
            wanted.iter().flat_map(|(_, tags)| tags.iter().map(String::as_str)).collect();
        tags.sort_unstable();
        tags.dedup();
        let places: Vec<String> = wanted.iter().map(|(key, _)| self.value_key(key)).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let keys: Vec<&str> = wanted.iter().map(|(key, _)| *key).collect();
        let readable = self.free(&keys).await?;
        let reading = async {
            let (known, bytes) = tokio::join!(
                self.known_now(&tags, generations),
                self.within_reach(&places, &readable)
            );
            Ok((known?, bytes?))
        };
        let read = self.tried(reading).await;
        self.signals.tell_changes();
        let (known, bytes) = read?;
        let generation = |tag: &String| {
            let at = tags.binary_search(&tag.as_str()).ok();
            at.and_then(|at| known.tags.get(at)).copied().unwrap_or_default()
        };
        let mut bytes = bytes.into_iter();
        let found = wanted.iter().map(|(_, tags)| Found {
            bytes: bytes.next().flatten(),
            space: known.space,
            tags: tags.iter().map(generation).collect(),
        });
        Ok(found.collect())
    }

    /// The bytes of many values. Of those that a part of the store has which is away, and of those that may not
    /// be read: none. An error if that is all of them.
    async fn within_reach(
        &self,
        places: &[&str],
        readable: &[bool],
    ) -> Result<Vec<Option<Bytes>>, BackendError> {
        let mut found = self.backend.get_each(places).await;
        match found.iter().position(Result::is_ok) {
            None if !found.is_empty() => found.swap_remove(0).map(|one| vec![one]),
            _ => {
                let bytes = found.into_iter().map(|one| one.unwrap_or(None));
                Ok(bytes.zip(readable).map(|(bytes, may)| bytes.filter(|_| *may)).collect())
            }
        }
    }
}
