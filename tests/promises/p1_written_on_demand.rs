//! P1: a call writes its key when it is polled, and again for each direction. It must find the same entry each time, and never
//! that of another call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::backend::MemoryBackend;
use larder::{Cache, CachedCell, cached, cached_property};
use tokio::sync::Notify;

fn cache() -> Cache {
    Cache::builder().build().unwrap()
}

/// A name that is another one each time that it is written, as a clock would be.
#[derive(Default)]
struct Changing(AtomicU64);

impl fmt::Display for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[cached(key = "changing:{name}", tags = ["changing:{name}"], skip(answer))]
async fn changing(name: &Changing, answer: u64) -> u64 {
    answer
}

#[tokio::test]
async fn a_key_that_changes_is_one_key_for_each_call() {
    for cache in
        [cache(), Cache::builder().no_memory().remote(MemoryBackend::new()).build().unwrap()]
    {
        let name = Changing::default();
        for answer in 0..5 {
            assert_eq!(changing(&name, answer).cache(&cache).await, answer);
            // The value is under the key that the call looked for.
            let keys = cache.keys("*").await.unwrap();
            assert_eq!(keys.len() as u64, answer + 1);
            let key = format!("changing:{}", answer * 2);
            assert_eq!(cache.get::<u64>(key.as_str()).await.unwrap(), Some(answer));
        }
        let call = changing(&name, 9).cache(&cache);
        assert_eq!(call.peek().await.unwrap(), None);
        call.put(7).await.unwrap();
        assert_eq!(call.peek().await.unwrap(), None);
        assert!(!call.evict().await.unwrap());
        assert_eq!(call.await, 9);
    }
}

static TEXTS: AtomicU64 = AtomicU64::new(0);

fn text_of(id: u64) -> String {
    TEXTS.fetch_add(1, Ordering::Relaxed);
    format!("a text of the id {id}, which has no room in place")
}

#[cached(key_with = text_of(id))]
async fn worded(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn an_expression_is_evaluated_once_for_each_call() {
    let cache = cache();
    let mut call = worded(7).cache(&cache);
    assert_eq!(call.peek().await.unwrap(), None);
    assert_eq!((&mut call).await, 7);
    assert_eq!(call.peek().await.unwrap(), Some(7));
    assert!(call.evict().await.unwrap());
    assert_eq!(TEXTS.load(Ordering::Relaxed), 1);
}

#[cached(key = "consumed:{id}:{owner.0}", tags = ["of:{id}"], skip(gate))]
async fn consumed(id: String, owner: (String,), gate: Arc<Notify>) -> String {
    gate.notified().await;
    id + &owner.0
}

/// The body has the arguments by then.
#[tokio::test]
async fn directions_may_follow_the_first_poll() {
    let (cache, gate) = (cache(), Arc::new(Notify::new()));
    for cache in [cache.tenant("acme").unwrap(), cache] {
        let new = || consumed("7".to_owned(), ("me".to_owned(),), Arc::clone(&gate));
        let mut call = new().cache(&cache);
        assert!(futures_util::poll!(&mut call).is_pending());
        assert!(!call.evict().await.unwrap());
        call.put("put".to_owned()).await.unwrap();
        assert_eq!(call.peek().await.unwrap().as_deref(), Some("put"));
        assert_eq!(cache.get::<String>("consumed:7:me").await.unwrap().as_deref(), Some("put"));
        gate.notify_one();
        assert_eq!((&mut call).await, "7me");
        assert!(call.evict().await.unwrap());
        assert_eq!(cache.get::<String>("consumed:7:me").await.unwrap(), None);

        // And a hit.
        new().cache(&cache).put("put".to_owned()).await.unwrap();
        let mut call = new().cache(&cache);
        assert_eq!((&mut call).await, "put");
        assert_eq!(call.peek().await.unwrap().as_deref(), Some("put"));
        cache.evict_tag("of:7").await.unwrap();
        assert_eq!(call.peek().await.unwrap(), None);
    }
}

#[derive(Default)]
struct Person {
    cell: CachedCell,
}

impl Person {
    #[cached_property(cell = self.cell)]
    async fn age(&self) -> u64 {
        40
    }
}

#[tokio::test]
async fn a_cell_is_the_same_before_and_after_a_hit() {
    let (cache, person, other) = (cache(), Person::default(), Person::default());
    other.age().cache(&cache).put(50).await.unwrap();
    person.age().cache(&cache).put(41).await.unwrap();
    let mut call = person.age().cache(&cache);
    assert_eq!((&mut call).await, 41);
    assert!(call.evict().await.unwrap());
    assert_eq!(call.peek().await.unwrap(), None);
    assert_eq!(other.age().cache(&cache).await, 50);
}

#[cached(key = "plan:{id}", skip(plan))]
async fn plan(id: u64, plan: &'static str) -> String {
    plan.to_owned()
}

#[tokio::test]
async fn a_hit_on_a_handle_of_a_tenant_is_the_tenants_own() {
    let cache = cache();
    let (acme, inner) =
        (cache.tenant("acme").unwrap(), cache.tenant("acme").unwrap().tenant("7").unwrap());
    for _ in 0..2 {
        assert_eq!(plan(7, "free").cache(&cache).await, "free");
        assert_eq!(plan(7, "gold").cache(&acme).await, "gold");
        assert_eq!(plan(7, "iron").cache(&inner).await, "iron");
        assert_eq!(plan(7, "gold").cache(&cache).tenant("acme").await, "gold");
    }
    // Each of them was a hit the second time.
    assert_eq!(cache.stats().loads, 3);
}

#[cached(key = "price:{id}", ttl = "1m", stale = "1h", skip(answer))]
async fn price(id: u64, answer: u64) -> u64 {
    larder::default_cache().insert("seen", answer).await.unwrap();
    answer
}

/// A call, a batch and a read by hand in the scope of a tenant find its entries only, also after a refresh in the background.
#[tokio::test]
async fn a_hit_in_the_scope_of_a_tenant_is_the_tenants_own() {
    let kit = larder::testing::Kit::manual();
    let work = async {
        let cache = larder::default_cache();
        for (tenant, answer) in [("", 1), ("acme", 2), ("umbrella", 3)] {
            let read = async {
                assert_eq!(price(7, answer).await, answer);
                assert_eq!(price(7, 9).await, answer, "{tenant}");
                assert_eq!(cache.get::<u64>("seen").await.unwrap(), Some(answer), "{tenant}");
                assert_eq!(cache.entry("seen").get::<u64>().await.unwrap(), Some(answer));
            };
            match tenant {
                "" => read.await,
                tenant => larder::with_tenant(tenant, read).await,
            }
        }
        kit.advance(std::time::Duration::from_secs(61));
        assert_eq!(larder::with_tenant("acme", async { price(7, 4).await }).await, 2);
        let acme = cache.tenant("acme").unwrap();
        while acme.get::<u64>("price:7").await.unwrap() != Some(4) {
            tokio::task::yield_now().await;
        }
        assert_eq!(acme.get::<u64>("seen").await.unwrap(), Some(4));
        assert_eq!(cache.get::<u64>("seen").await.unwrap(), Some(1), "of no tenant");
    };
    kit.run(work).await;
}

/// The same without a test kit, whose scope alone would keep every call from the plain path.
#[tokio::test]
async fn a_hit_in_a_scope_without_a_kit_is_the_tenants_own() {
    let cache = cache();
    for (tenant, answer) in [(None, 1), (Some("acme"), 2)] {
        let read = async {
            price(7, answer).cache(&cache).await;
            cache.entry("k").or_load(async || Ok::<_, ()>(answer)).await.unwrap();
            assert_eq!(price(7, 9).cache(&cache).await, answer);
            assert_eq!(cache.get::<u64>("k").await.unwrap(), Some(answer));
            assert_eq!(cache.entry("k").get::<u64>().await.unwrap(), Some(answer));
            assert_eq!(cache.get_or_load("k", async || Ok::<_, ()>(9)).await, Ok(answer));
        };
        match tenant {
            None => read.await,
            Some(tenant) => larder::with_tenant(tenant, read).await,
        }
    }
}
