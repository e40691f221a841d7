//! What is known about a call without running it: its key, and the entry that it would read.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Call;
use super::direct::boxed_future;
use super::head::CallState;
use super::load::Load;
use super::target::CacheRef;
use crate::base::{Error, Expiry};
use crate::engine::{Inspection, Request};
use crate::key::Key;

boxed_future! {
    /// The future of [`Call::expiry`](super::Call::expiry).
    CallExpiry -> Option<Expiry>
}

boxed_future! {
    /// The future of [`Call::inspect`](super::Call::inspect).
    Inspect -> Inspection
}

impl<L: Load> Call<L> {
    /// Returns the key of the call's entry, with all directions applied, without running the call. With it you can find the entry in
    /// the store ([`Key::in_namespace`]), and read and write it by hand: an entry that you insert under this key carries the tags of
    /// the function, so that the function reads it, and an eviction of a tag ends it.
    ///
    /// It is a key of the whole cache: the key of a tenant begins with the tenant.
    ///
    /// ```ignore
    /// let key = get_user(&db, 7).cache_key()?;      // user:7
    /// let left = get_user(&db, 7).expiry().await?;  // Some(Expiry::In(298s))
    /// cache.insert(&key, user).await?;
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`], if nothing can be stored under the key by hand: the value is in a cell, the tenant has no name, serde refuses
    /// an argument, or another function has the same keys.
    pub fn cache_key(&self) -> Result<Key, Error> {
        let CallState { request, target } = self.state();
        key_of(&target, &request)
    }

    /// Returns how long the call's entry stays fresh, without running the call; `None` if there is no fresh entry. It counts as no read.
    /// See [`Cache::ttl`](crate::engine::Cache::ttl).
    ///
    /// # Errors
    /// The memory tier has no entry and the remote tier failed; or the cache is not installed.
    pub fn expiry(&self) -> CallExpiry {
        let CallState { request, target } = self.state();
        let future = async move {
            let (engine, mut request) = (target.resolve()?.engine, request);
            engine.complete(&mut request);
            engine.expiry(&request).await
        };
        CallExpiry { future: Box::pin(future) }
    }

    /// Describes the call's entry in each tier, without running the call: see [`Cache::inspect`](crate::engine::Cache::inspect).
    ///
    /// # Errors
    /// The cache is not installed. (An error of the remote tier is part of the result.)
    pub fn inspect(&self) -> Inspect {
        let CallState { request, target } = self.state();
        let future = async move { Ok(target.resolve()?.engine.inspect(&request.key).await) };
        Inspect { future: Box::pin(future) }
    }
}

/// The key of a request, with the tags that its entries carry.
pub(super) fn key_of(target: &CacheRef, request: &Request) -> Result<Key, Error> {
    target.admits()?;
    if request.key.is_here() {
        let message = "this call has no key outside of its process: its value is in a cell, or serde refuses an argument";
        return Err(Error::config("key", message));
    }
    let tags: Vec<&str> = request.tags().collect();
    Ok(Key::tagged(request.key.as_str(), &tags.join("\n")))
}
