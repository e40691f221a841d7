//! What `inspect`, `count_keys` and `memory_usage` say about the entries of the tiers. (`peeks.rs` checks that they
//! leave no trace.)

use std::time::Duration;

use larder::redis::Redis;
use larder::stats::{EntryInfo, EntryState, Inspection};
use larder::testing::Faulty;
use larder::{
    Cache, Error, Eviction, Expiry, Memory, Policy,
    backend::MemoryBackend,
    cached,
    codec::{Codec, Compression, EncryptionKeys},
    time::Clock,
};

use crate::origin::Origin;
use crate::stored::Store;
use crate::support::{Server, eventually};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const POLICY: Policy = Policy::new()
    .ttl(seconds(60))
    .stale(seconds(30))
    .stale_if_error(seconds(600))
    .tags(&["users", "people"]);

fn memory(found: Inspection) -> EntryInfo {
    found.memory.expect("memory has an entry")
}

fn remote(found: Inspection) -> EntryInfo {
    assert_eq!(found.error, None);
    found.remote.expect("the remote tier has an entry")
}

/// A memory tier that keeps dead entries.
fn unswept() -> Memory {
    Memory::max_entries(100).sweep_every(seconds(1_000_000))
}

fn two_tiers(clock: &Clock) -> Cache {
    let backend = MemoryBackend::with_clock(clock.clone());
    Cache::builder().clock(clock.clone()).memory(unswept()).remote(backend).build().unwrap()
}

#[tokio::test]
async fn an_entry_is_described_in_both_tiers() {
    let clock = Clock::manual();
    let cache = two_tiers(&clock);
    let origin = Origin::at(&clock);
    origin.take(seconds(2));
    let load = || async { origin.try_read().await };
    cache.entry("user:7").policy(POLICY).or_load(load).await.unwrap();
    crate::origin::landed(&cache).await;
    clock.advance(seconds(10));

    let found = cache.inspect("user:7").await;
    assert_eq!(found.key, "user:7");
    for entry in [found.memory.as_ref().unwrap(), found.remote.as_ref().unwrap()] {
        assert_eq!(entry.state, EntryState::Fresh, "{entry:?}");
        assert_eq!((entry.age, entry.load_time), (seconds(10), seconds(2)), "{entry:?}");
        assert_eq!(entry.fresh_for, Expiry::In(seconds(50)), "{entry:?}");
        assert_eq!(entry.kept_for, Expiry::In(seconds(650)), "{entry:?}");
        assert_eq!(entry.tags, ["users", "people"]);
        assert!(entry.bytes > 0 && !entry.is_error);
    }
    let type_name = found.memory.as_ref().unwrap().type_name.as_deref();
    assert_eq!((type_name, found.remote.unwrap().type_name), (Some("u64"), None));
    assert_eq!(found.memory.unwrap().encoding, None);

    let absent = cache.inspect("user:8").await;
    assert_eq!((absent.memory, absent.remote, absent.error), (None, None, None));
}

#[tokio::test]
async fn the_state_follows_the_clock_and_evictions() {
    let clock = Clock::manual();
    for tier in [memory, remote] {
        let cache = two_tiers(&clock);
        cache.entry("k").policy(POLICY).insert(1u64).await.unwrap();
        for (after, state, fresh_for, kept_for) in [
            (59, EntryState::Fresh, 1, 601),
            (1, EntryState::Stale, 0, 600),
            (30, EntryState::Fallback, 0, 570),
        ] {
            clock.advance(seconds(after));
            let entry = tier(cache.inspect("k").await);
            assert_eq!(entry.state, state);
            assert_eq!(entry.fresh_for, Expiry::In(seconds(fresh_for)));
            assert_eq!(entry.kept_for, Expiry::In(seconds(kept_for)));
        }
        cache.entry("k").policy(POLICY).insert(2u64).await.unwrap();
        cache.evict_tag("people").await.unwrap();
        let entry = tier(cache.inspect("k").await);
        assert_eq!(entry.state, EntryState::Evicted);
        assert_eq!(entry.kept_for, Expiry::In(Duration::ZERO));
        cache.insert("forever", 3u64).await.unwrap();
        let entry = tier(cache.inspect("forever").await);
        assert_eq!((entry.fresh_for, entry.kept_for), (Expiry::Never, Expiry::Never));
        cache.clear().await.unwrap();
        let found = cache.inspect("forever").await;
        assert_eq!((found.memory, found.remote), (None, None));
    }
}

#[tokio::test]
async fn an_expired_entry_and_a_time_to_idle() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).memory(unswept()).build().unwrap();
    cache
        .entry("k")
        .policy(Policy::new().ttl(seconds(60)).tti(seconds(20)))
        .insert(1u64)
        .await
        .unwrap();
    clock.advance(seconds(15));
    assert_eq!(memory(cache.inspect("k").await).fresh_for, Expiry::In(seconds(5)));
    cache.get::<u64>("k").await.unwrap();
    assert_eq!(memory(cache.inspect("k").await).fresh_for, Expiry::In(seconds(20)));
    clock.advance(seconds(20));
    let entry = memory(cache.inspect("k").await);
    assert_eq!((entry.state, entry.age), (EntryState::Expired, seconds(35)));
}

#[tokio::test]
async fn a_kept_error_is_not_a_value() {
    #[cached(key = "row", err_ttl = "1m", cache = cache, skip(cache))]
    async fn row(cache: &Cache) -> Result<u64, String> {
        Err("down".to_owned())
    }
    let cache = Cache::builder().build().unwrap();
    row(&cache).await.unwrap_err();
    let entry = memory(cache.inspect("row").await);
    assert_eq!((entry.is_error, entry.type_name), (true, None));
}

#[tokio::test]
async fn the_encoding_is_that_of_the_writer() {
    let store = Store::default();
    let keys = || EncryptionKeys::new(1, [7; 32]);
    let long = "x".repeat(10_000);
    let writers = [
        (store.plain(), "postcard", "none", false),
        (store.cache(|builder| builder.codec(Codec::Json)), "json", "none", false),
        (store.cache(|builder| builder.codec(Codec::MessagePack)), "messagepack", "none", false),
        (store.cache(|builder| builder.compression(Compression::lz4())), "postcard", "lz4", false),
        (
            store.cache(|builder| builder.compression(Compression::zstd(3))),
            "postcard",
            "zstd",
            false,
        ),
        (store.cache(|builder| builder.encryption(keys())), "postcard", "none", true),
    ];
    let mut schemas = Vec::new();
    for (writer, codec, compression, encrypted) in &writers {
        writer.insert("k", long.clone()).await.unwrap();
        let reader = if *encrypted { writer } else { &writers[0].0 };
        let entry = remote(reader.inspect("k").await);
        let encoding = entry.encoding.clone().unwrap();
        assert_eq!((&*encoding.codec, &*encoding.compression), (*codec, *compression));
        assert_eq!(encoding.encrypted, *encrypted);
        assert!((10_000..10_010).contains(&encoding.value_bytes), "{encoding:?}");
        assert_eq!(entry.bytes, store.bytes("ns:k").await.len() as u64);
        assert_eq!(entry.bytes < 5_000, *compression != "none", "{entry:?}");
        schemas.push(encoding.schema);
    }
    // The same type has one schema in each form, and another type has another one.
    assert_eq!(schemas[0], schemas[3]);
    assert_eq!(schemas[0].len(), 16);
    writers[0].0.insert("k", 7u64).await.unwrap();
    assert_ne!(remote(writers[0].0.inspect("k").await).encoding.unwrap().schema, schemas[0]);
}

#[tokio::test]
async fn foreign_bytes_are_unreadable() {
    let store = Store::default();
    let cache = store.plain();
    cache.insert("k", 1u64).await.unwrap();
    let value = store.bytes("ns:k").await;
    let mut damaged = value.clone();
    damaged[10] ^= 1;
    for (key, bytes) in [("k", &damaged[..]), ("other", &value), ("text", b"hello"), ("none", b"")]
    {
        store.put(&format!("ns:{key}"), bytes).await;
        let entry = remote(cache.inspect(key).await);
        assert_eq!((entry.state, entry.bytes), (EntryState::Unreadable, bytes.len() as u64));
        assert_eq!(entry.encoding, None);
    }
    assert_eq!(cache.stats().foreign, 0, "inspecting is not reading");
}

#[tokio::test]
async fn in_an_outage_memory_is_described_and_the_error_is_reported() {
    let faulty = Faulty::new(MemoryBackend::new());
    let faults = faulty.faults();
    let cache = Cache::builder().remote(faulty).build().unwrap();
    cache.insert("k", 1u64).await.unwrap();
    assert_eq!(memory(cache.inspect("k").await).state, EntryState::Fresh);
    faults.set_down(true);
    faults.set_linked(false);
    let found = cache.inspect("k").await;
    assert!(found.error.is_some() && found.remote.is_none(), "{found:?}");
    assert_eq!(memory(found).state, EntryState::Unverified);
}

#[tokio::test]
async fn tenants_and_transactions() {
    let cache = Cache::builder().build().unwrap();
    let acme = cache.tenant("acme").unwrap();
    acme.insert("k", 1u64).await.unwrap();
    let found = acme.inspect("k").await;
    assert_eq!(found.key, "@acme/k");
    assert_eq!(memory(found).tags, ["@acme/"]);
    assert_eq!(cache.inspect("k").await.memory, None);
    assert_eq!(memory(cache.inspect("@acme/k").await).state, EntryState::Fresh);
    assert_eq!(acme.count_keys("*").await.unwrap().memory, 1);
    cache.insert("k", 1u64).await.unwrap();
    assert_eq!(acme.count_keys("*").await.unwrap().memory, 1);
    assert_eq!(cache.count_keys("*").await.unwrap().memory, 2);
    // It shows what the tiers have, also if the caller's reads do not see it.
    larder::transaction(async {
        cache.remove("k").await?;
        assert_eq!(cache.get::<u64>("k").await?, None);
        assert_eq!(memory(cache.inspect("k").await).state, EntryState::Fresh);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(cache.inspect("k").await.memory, None);
}

#[tokio::test]
async fn it_can_be_serialized() {
    let clock = Clock::manual();
    let cache = two_tiers(&clock);
    cache.entry("k").policy(POLICY).insert(1u64).await.unwrap();
    cache.insert("forever", 1u64).await.unwrap();
    clock.advance(seconds(1));
    let json = serde_json::to_value(cache.inspect("k").await).unwrap();
    for tier in ["memory", "remote"] {
        let entry = &json[tier];
        assert_eq!(entry["state"], "fresh", "{json}");
        assert_eq!((&entry["age_ms"], &entry["fresh_for_ms"]), (&1_000.into(), &59_000.into()));
        assert_eq!(entry["tags"], serde_json::json!(["users", "people"]));
    }
    assert_eq!(json["remote"]["encoding"]["codec"], "postcard");
    let json = serde_json::to_value(cache.inspect("forever").await).unwrap();
    assert!(json["memory"]["fresh_for_ms"].is_null());
}

#[tokio::test]
async fn keys_are_counted_in_each_tier() {
    let store = MemoryBackend::new();
    let build = |namespace: &str| {
        Cache::builder().namespace(namespace).remote(store.clone()).build().unwrap()
    };
    let (cache, elsewhere, other) = (build("one"), build("one"), build("two"));
    let pages = (0..2_500).map(|id| (format!("page:{id}"), id));
    elsewhere.insert_many(pages).await.unwrap();
    other.insert("page:1", 1u64).await.unwrap();
    cache.insert_many([("page:1", 1u64), ("user:1", 1)]).await.unwrap();
    let pages = cache.count_keys("page:*").await.unwrap();
    assert_eq!((pages.memory, pages.remote), (1, Some(2_500)));
    let all = cache.count_keys("*").await.unwrap();
    assert_eq!((all.memory, all.remote), (2, Some(2_501)));
    let here = Cache::builder().build().unwrap().count_keys("*").await.unwrap();
    assert_eq!((here.memory, here.remote), (0, None));
}

/// The memory that 50 values of about 10 KiB are said to take.
async fn used(cache: &Cache) -> u64 {
    #[cached(local, key = "local:{id}", cache = cache, skip(cache))]
    async fn local_page(cache: &Cache, id: u64) -> String {
        let mut page = "x".repeat(10_000);
        page.shrink_to_fit();
        page
    }
    for id in 0..20_u64 {
        cache.insert(&format!("text:{id}"), "x".repeat(10_000)).await.unwrap();
        cache.insert(&format!("list:{id}"), vec![(id, "x".repeat(1_000)); 10]).await.unwrap();
    }
    for id in 0..10 {
        local_page(cache, id).await;
    }
    cache.memory_usage()
}

#[tokio::test]
async fn memory_usage_includes_the_heap_in_every_tier() {
    let bounds = [Memory::max_entries(1_000), Memory::max_bytes(64 << 20)];
    for bound in bounds {
        for eviction in [Eviction::Auto, Eviction::Lru, Eviction::Lfu, Eviction::Ttl] {
            let cache = Cache::builder().memory(bound.clone().eviction(eviction)).build().unwrap();
            let used = used(&cache).await;
            assert!((500_000..560_000).contains(&used), "{eviction:?}: {used}");
            cache.clear().await.unwrap();
            cache.reclaim();
            assert_eq!(cache.memory_usage(), 0, "{eviction:?}");
        }
    }
    let cache = Cache::builder().memory(Memory::max_bytes(64 << 20)).build().unwrap();
    assert_eq!(used(&cache).await, cache.stats().bytes);
    let cache = Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap();
    assert_eq!(used(&cache).await, 0);
}

#[tokio::test]
async fn entries_in_redis_are_described() {
    let server = Server::start();
    let connect = async || {
        let redis = Redis::connect(server.url()).await.unwrap();
        let cache = Cache::builder().namespace("ns").remote(redis).build().unwrap();
        eventually("the bus is connected", async || cache.is_linked()).await;
        cache
    };
    let (cache, elsewhere) = (connect().await, connect().await);
    elsewhere.entry("user:7").policy(POLICY).insert("Ada".to_owned()).await.unwrap();
    let found = cache.inspect("user:7").await;
    assert_eq!(found.memory, None);
    let entry = remote(found);
    assert_eq!(
        (entry.state, &entry.tags[..]),
        (EntryState::Fresh, &["users".to_owned(), "people".to_owned()][..])
    );
    assert!(entry.fresh_for.left().is_some_and(|left| left > seconds(30) && left <= seconds(60)));
    assert_eq!(cache.inspect("user:7").await.memory, None, "it was not promoted");
    assert_eq!(cache.count_keys("*").await.unwrap().remote, Some(1));
    cache.evict_tag("users").await.unwrap();
    assert_eq!(remote(cache.inspect("user:7").await).state, EntryState::Evicted);
}
