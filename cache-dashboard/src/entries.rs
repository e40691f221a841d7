//! Keys, one entry, and changes.

use std::collections::BTreeSet;
use std::time::Duration;

use cache_core::{Cache, Key};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Failure, json as told};
use crate::overview::label;

use axum::http::StatusCode;

const MOST_KEYS: usize = 500;
const MOST_TAGS: usize = 100;
/// How long a search for keys may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many keys, the search yields to other tasks.
const TOGETHER: u64 = 1_000;

/// The cache that a request is about: the default one without `cache`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    cache: Option<String>,
    tenant: Option<String>,
    key: Option<String>,
    tag: Option<String>,
    pattern: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    all: bool,
    confirm: Option<String>,
}

/// What a change is about.
enum Target {
    Key(String),
    Tag(String),
    All,
}

impl Request {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body)
            .map_err(|error| Failure::invalid(format!("the body is no valid request: {error}")))
    }

    pub(crate) fn cache_name(&self) -> &str {
        self.cache.as_deref().unwrap_or("default")
    }

    fn cache(&self, caches: Vec<Cache>) -> Result<Cache, Failure> {
        let found = caches.into_iter().find(|cache| cache.name() == self.cache.as_deref());
        let missing = || {
            Failure::new(StatusCode::NOT_FOUND, "unknown_cache", "there is no cache of this name")
        };
        let cache = found.ok_or_else(missing)?;
        match &self.tenant {
            Some(tenant) => Ok(cache.tenant(tenant)?),
            None => Ok(cache),
        }
    }

    fn key(&self) -> Result<&str, Failure> {
        match self.key.as_deref() {
            Some(key) if !key.is_empty() => Ok(key),
            _ => Err(Failure::invalid("`key` is missing or empty")),
        }
    }

    fn target(&self) -> Result<Target, Failure> {
        match (&self.key, &self.tag, self.all) {
            (Some(_), None, false) => Ok(Target::Key(self.key()?.to_owned())),
            (None, Some(tag), false) if self.tenant.is_none() => Ok(Target::Tag(tag.clone())),
            (None, Some(_), false) => {
                Err(Failure::invalid("a tag has entries of all tenants: name no `tenant`"))
            }
            (None, None, true) => Ok(Target::All),
            _ => Err(Failure::invalid("exactly one of `key`, `tag` and `all` is needed")),
        }
    }

    /// What concerns all entries needs the name of the cache or the tenant, as a person has typed it.
    fn confirmed(&self, cache: &Cache) -> Result<(), Failure> {
        let name = self.tenant.as_deref().unwrap_or_else(|| label(cache));
        match self.confirm.as_deref() == Some(name) {
            true => Ok(()),
            false => Err(Failure::new(
                StatusCode::CONFLICT,
                "not_confirmed",
                "`confirm` must be the name of the cache (`default` if it has none), or of the tenant if there is one",
            )),
        }
    }
}

/// Describes an entry.
pub(crate) async fn inspect(request: Request, caches: Vec<Cache>) -> Answer {
    let (cache, key) = (request.cache(caches)?, request.key()?);
    let found = cache.inspect(key).await;
    let parts = found.key.parse::<Key>().ok().map(|key| key.parts());
    let mut entry = serde_json::to_value(&found).unwrap_or_default();
    for tier in ["memory", "remote"] {
        let Some(Value::Array(tags)) = entry.get_mut(tier).and_then(|tier| tier.get_mut("tags"))
        else {
            continue;
        };
        let in_all = tags.len();
        tags.truncate(MOST_TAGS);
        entry[tier]["tags_in_all"] = in_all.into();
    }
    told(&json!({ "entry": entry, "parts": parts }))
}

/// Lists keys in order: those after `after`. Each page is a search of all keys, and keeps no more keys than it returns.
pub(crate) async fn keys(request: Request, caches: Vec<Cache>) -> Answer {
    let cache = request.cache(caches)?;
    let limit = request.limit.unwrap_or(50).clamp(1, MOST_KEYS);
    let after = request.after.as_deref().unwrap_or_default();
    let pattern = request.pattern.as_deref().filter(|pattern| !pattern.is_empty()).unwrap_or("*");
    // One more than the page, to know whether there is a next one.
    let mut page = BTreeSet::new();
    let mut visited = 0_u64;
    let search = async {
        let mut found = cache.keys(pattern);
        while let Some(key) = found.next().await.transpose()? {
            visited += 1;
            if key.as_str() > after {
                page.insert(key);
                if page.len() > limit + 1 {
                    page.pop_last();
                }
            }
            if visited.is_multiple_of(TOGETHER) {
                tokio::task::yield_now().await;
            }
        }
        Ok::<(), cache_core::Error>(())
    };
    let complete = match tokio::time::timeout(PATIENCE, search).await {
        Ok(ended) => {
            ended?;
            true
        }
        Err(_) => false,
    };
    let more = page.len() > limit;
    if more {
        page.pop_last();
    }
    let next = page.last().filter(|_| more).cloned();
    told(&json!({ "keys": page, "next": next, "visited": visited, "complete": complete }))
}

pub(crate) async fn evict(request: Request, caches: Vec<Cache>) -> Answer {
    let cache = request.cache(caches)?;
    let existed = match request.target()? {
        Target::Key(key) => Some(cache.remove(key).await.map_err(Failure::of_change)?),
        Target::Tag(tag) => {
            cache.evict_tag(&tag).await.map_err(Failure::of_change)?;
            None
        }
        Target::All => return Err(Failure::invalid("to evict everything, use `clear`")),
    };
    told(&json!({ "evicted": true, "existed": existed }))
}

pub(crate) async fn mark_stale(request: Request, caches: Vec<Cache>) -> Answer {
    let cache = request.cache(caches)?;
    let existed = match request.target()? {
        Target::Key(key) => Some(cache.mark_stale(key).await.map_err(Failure::of_change)?),
        Target::Tag(tag) => {
            cache.mark_tag_stale(&tag).await.map_err(Failure::of_change)?;
            None
        }
        Target::All => {
            request.confirmed(&cache)?;
            cache.mark_all_stale().await.map_err(Failure::of_change)?;
            None
        }
    };
    told(&json!({ "marked": true, "existed": existed }))
}

pub(crate) async fn clear(request: Request, caches: Vec<Cache>) -> Answer {
    let cache = request.cache(caches)?;
    request.confirmed(&cache)?;
    cache.clear().await.map_err(Failure::of_change)?;
    told(&json!({ "cleared": true }))
}
