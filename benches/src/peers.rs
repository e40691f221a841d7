//! The peers: cached functions of `cached`, and engines that are called by hand.

use std::hash::Hash;
use std::time::Duration;

/// The lifetime of entries wherever a peer has one. `foyer-memory` and `quick_cache` have none.
const TTL: Duration = Duration::from_secs(3600);

/// Functions with the attributes of `cached` that are as able as larder's: bounded, with a ttl.
pub(crate) trait Peers {
    const CAPACITY: usize;
    async fn concurrent(id: u64) -> u64;
    async fn concurrent_text(id: u64) -> u64;
    async fn locked(id: u64) -> u64;
    fn concurrent_sync(id: u64) -> u64;
    fn concurrent_text_sync(id: u64) -> u64;
}

/// For a thousand keys.
pub(crate) struct Small;
/// For a million keys.
pub(crate) struct Large;

macro_rules! peers {
    ($name:ident, $module:ident, $capacity:tt) => {
        mod $module {
            use cached::macros::{cached, concurrent_cached};

            #[concurrent_cached(max_size = $capacity, ttl_secs = 3600)]
            pub(super) async fn concurrent(id: u64) -> u64 {
                id
            }

            #[concurrent_cached(
                                                                max_size = $capacity,
                                                                ttl_secs = 3600,
                                                                key = "String",
                                                                convert = { format!("user:{id}") }
                                                            )]
            pub(super) async fn concurrent_text(id: u64) -> u64 {
                id
            }

            #[cached(max_size = $capacity, ttl_secs = 3600)]
            pub(super) async fn locked(id: u64) -> u64 {
                id
            }

            #[concurrent_cached(max_size = $capacity, ttl_secs = 3600)]
            pub(super) fn concurrent_sync(id: u64) -> u64 {
                id
            }

            #[concurrent_cached(
                                                                max_size = $capacity,
                                                                ttl_secs = 3600,
                                                                key = "String",
                                                                convert = { format!("user:{id}") }
                                                            )]
            pub(super) fn concurrent_text_sync(id: u64) -> u64 {
                id
            }
        }

        impl Peers for $name {
            const CAPACITY: usize = $capacity;
            async fn concurrent(id: u64) -> u64 {
                $module::concurrent(id).await
            }
            async fn concurrent_text(id: u64) -> u64 {
                $module::concurrent_text(id).await
            }
            async fn locked(id: u64) -> u64 {
                $module::locked(id).await
            }
            fn concurrent_sync(id: u64) -> u64 {
                $module::concurrent_sync(id)
            }
            fn concurrent_text_sync(id: u64) -> u64 {
                $module::concurrent_text_sync(id)
            }
        }
    };
}

peers!(Small, small, 10_000);
peers!(Large, large, 1_500_000);

pub(crate) type Moka<K, V> = moka::future::Cache<K, V>;
pub(crate) type MokaSync<K, V> = moka::sync::Cache<K, V>;
pub(crate) type Quick<K, V> = quick_cache::sync::Cache<K, V>;
pub(crate) type Foyer<K, V> = foyer::Cache<K, V>;

pub(crate) fn moka<K, V>(capacity: usize) -> Moka<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    moka::future::Cache::builder().max_capacity(capacity as u64).time_to_live(TTL).build()
}

pub(crate) fn moka_sync<K, V>(capacity: usize) -> MokaSync<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    moka::sync::Cache::builder().max_capacity(capacity as u64).time_to_live(TTL).build()
}

pub(crate) fn foyer<K, V>(capacity: usize) -> Foyer<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    foyer::CacheBuilder::new(capacity).with_eviction_config(foyer::S3FifoConfig::default()).build()
}

pub(crate) fn quick_read<K: Eq + Hash, V: Clone>(
    cache: &Quick<K, V>,
    key: K,
    load: impl FnOnce() -> V,
) -> V {
    cache.get(&key).unwrap_or_else(|| {
        let value = load();
        cache.insert(key, value.clone());
        value
    })
}

pub(crate) fn foyer_read<K, V>(cache: &Foyer<K, V>, key: K, load: impl FnOnce() -> V) -> V
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    match cache.get(&key) {
        Some(entry) => entry.value().clone(),
        None => cache.insert(key, load()).value().clone(),
    }
}
