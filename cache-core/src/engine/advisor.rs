//! Tells the program's log which caches it uses, and advises against settings that often turn out to be mistakes.
//! Each advice is given once.
//!
//! Other advice is given where its reason shows: an undeclared tag (`undeclared`), a value that another codec
//! writes (`codec::schema`), a name in another's namespace (`namespaces`), functions that share keys
//! (`site::overlaps`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::handle::Engine;
use super::namespaces;
use super::site::Site;
use crate::backend::Backend;
use crate::base::{Policy, Timestamp, Ttl};
use crate::entry::Stored;

/// The maximum number of advices that are logged and remembered.
const ADVICES: usize = 1_000;

/// Logs an advice about a cache, unless it was logged before.
macro_rules! advise {
    ($level:ident, $cache:expr, $($text:tt)+) => {
        let (cache, advice) = ($cache, format!($($text)+));
        if is_first(format!("{cache}: {advice}")) {
            tracing::$level!(target: "larder::advisor", cache, "larder: {advice}");
        }
    };
}

fn is_first(advice: String) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.len() < ADVICES && said.insert(advice)
}

impl Engine {
    /// Logs that the cache was installed, and advises on its settings. The server of the remote tier is asked
    /// for its settings in the background, if there is a runtime.
    pub(crate) fn announce(&self) {
        self.describe();
        self.advise_on_namespace();
        self.advise_on_bus();
        if let (Some(remote), Ok(runtime)) = (&self.remote, Handle::try_current()) {
            let (backend, cache) = (remote.backend().clone(), self.signals.cache.clone());
            drop(runtime.spawn(advise_on_server(backend, cache)));
        }
    }

    fn describe(&self) {
        let memory = self.memory.as_ref();
        let memory =
            memory.map(|memory| format!("{:?}, {:?}", memory.eviction(), memory.capacity()));
        let remote = self.remote.as_ref().map(|remote| remote.backend().name());
        tracing::info!(
            target: "larder::advisor",
            cache = &*self.signals.cache,
            namespace = self.namespace,
            memory = memory.as_deref().unwrap_or("none"),
            remote = remote.unwrap_or("none"),
            codec = ?self.wire.codec,
            compression = ?self.wire.compression,
            encrypted = self.wire.seal.encrypts(),
            default_ttl = ?self.default_ttl.get(),
            "larder: a cache was installed"
        );
    }

    fn advise_on_namespace(&self) {
        if self.remote.is_some() && self.namespace == namespaces::of(self.name.as_deref()) {
            advise!(
                warn,
                &*self.signals.cache,
                "its namespace is `{}`, the default: another program with larder in the same store shares and clears its \
                 entries, unless you set a `namespace`",
                self.namespace
            );
        }
    }

    fn advise_on_bus(&self) {
        let bus = self.bus.read().unwrap_or_else(PoisonError::into_inner);
        let Some(remote) = self.remote.as_ref().filter(|_| self.memory.is_some() && bus.is_none())
        else {
            return;
        };
        advise!(
            warn,
            &*self.signals.cache,
            "its remote tier, `{}`, has no bus: if other processes use the store, the memory tier does not follow their \
             evictions",
            remote.backend().name()
        );
    }

    /// Advises on a value of a function that was stored in the remote tier and never expires, although no one
    /// has asked for that.
    pub(super) fn advise_on_ttl(&self, site: Option<&'static Site>, entry: &Stored) {
        let Some(site) = site.filter(|_| entry.expiry() == Timestamp::NEVER) else { return };
        if site.policy().ttl == Ttl::Default {
            advise!(
                warn,
                &*self.signals.cache,
                "the values of `{}` never expire in the remote tier: give it a `ttl` (`\"never\"` if that is intended), or the \
                 cache a `default_ttl`",
                site.path()
            );
        }
    }

    /// Advises on a function whose values do not expire, although it has options about the time before or after their expiry.
    #[cold]
    pub(super) fn advise_on_windows(&self, site: Option<&'static Site>, policy: &Policy) {
        let Some(site) = site.filter(|_| policy.ttl == Ttl::Computed) else { return };
        if let Some(option) = policy.needs_expiry() {
            advise!(
                warn,
                &*self.signals.cache,
                "`{option}` of `{}` has no effect, because its values never expire: give the function a `ttl`, or the cache a \
                 `default_ttl`",
                site.path()
            );
        }
    }
}

/// Advises on the memory of the servers.
async fn advise_on_server(backend: Arc<dyn Backend>, cache: String) {
    // An unreachable server is reported by the health of the tier.
    let Ok(fields) = backend.info().await else { return };
    for (name, policy) in &fields {
        let Some(server) = name.strip_suffix("maxmemory_policy") else { continue };
        let bound = fields.get(&format!("{server}maxmemory")).map(String::as_str);
        let server = match server.trim_end_matches('/') {
            "" => backend.name(),
            address => address,
        };
        match (bound, policy.as_str()) {
            (Some("0"), _) => {
                advise!(
                    info,
                    &*cache,
                    "`{server}` has no `maxmemory`: it uses all memory of its machine before it evicts anything"
                );
            }
            (_, "noeviction") => {
                advise!(
                    warn,
                    &*cache,
                    "`{server}` has the `maxmemory-policy` `noeviction`: when it is full, no value is stored; for a cache, use \
                     `volatile-ttl` or `allkeys-lru`"
                );
            }
            _ => {}
        }
    }
}
