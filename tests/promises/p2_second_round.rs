//! P2: a mutator evicts a function and another one that calls it, and the store fails at the first. Another process then
//! makes the outer value from the old inner one. It does not outlive the pending eviction.

use std::time::Duration;

use larder::testing::Operation;
use larder::{Cache, Invalidation, cache_evict, cached, time::Clock};

use crate::gated::{At, Gated};
use crate::origin::{Origin, pass, soon, turns};

/// Which process calls: its cache, and the row in the database.
#[derive(Clone, Debug)]
struct Process {
    cache: Cache,
    origin: Origin,
}

#[cached(cache = process.cache, key = "row:{id}", ttl = "1h", skip(process))]
async fn row(process: &Process, id: u64) -> u64 {
    process.origin.read().await + id
}

#[cached(cache = process.cache, key = "page:{id}", tags = ["pages"], ttl = "1h", skip(process))]
async fn page(process: &Process, id: u64) -> u64 {
    100 * row(process, id).await
}

#[cache_evict(cache = process.cache, key = "row:{id}", pattern = "page:*")]
async fn by_pattern(process: &Process, id: u64) {
    process.origin.set(2);
}

#[cache_evict(cache = process.cache, key = "row:{id}", tags = ["pages"])]
async fn by_tag(process: &Process, id: u64) {
    process.origin.set(2);
}

/// The process whose store fails at removals, another one, and their clock.
struct Scene {
    clock: Clock,
    store: Gated,
    this: Process,
    other: Process,
}

impl Scene {
    async fn new() -> Self {
        let clock = Clock::manual();
        let store = Gated::leased(&clock);
        let origin = Origin::at(&clock);
        let this = Process { cache: store.cache(&clock), origin: origin.clone() };
        let cache = store.another().cache_without_memory(&clock);
        let other = Process { cache, origin };
        assert_eq!(page(&other, 0).await, 100);
        Self { clock, store, this, other }
    }

    /// The store fails at the next removal.
    fn fail(&self) {
        self.store.backend.faults().fail_next(Operation::Remove, 1);
    }

    /// The other process makes the outer value from the old inner one. The pending eviction ends both.
    async fn ends_well(&self) {
        assert_eq!(page(&self.other, 0).await, 100, "the old inner value is still in the store");
        assert!(self.this.cache.health().remote.unwrap().pending_evictions > 0);
        pass(&self.clock, Duration::from_secs(2)).await;
        assert_eq!(self.this.cache.health().remote.unwrap().pending_evictions, 0);
        assert_eq!(page(&self.other, 0).await, 200);
        assert_eq!(page(&self.this, 0).await, 200);
    }
}

#[tokio::test]
async fn a_pattern_after_a_key() {
    let scene = Scene::new().await;
    scene.fail();
    by_pattern(&scene.this, 0).await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_tag_after_a_key() {
    let scene = Scene::new().await;
    scene.fail();
    by_tag(&scene.this, 0).await;
    scene.ends_well().await;
}

/// What the list had evicted before the failure is repeated, too.
#[tokio::test]
async fn a_key_after_a_tag() {
    let scene = Scene::new().await;
    scene.fail();
    scene.this.origin.set(2);
    let list = Invalidation::new().cache(&scene.this.cache).tag("pages").key("row:0");
    list.run().await.unwrap_err();
    scene.ends_well().await;
}

#[tokio::test]
async fn a_transaction() {
    let scene = Scene::new().await;
    scene.fail();
    let commit = larder::transaction(async {
        by_tag(&scene.this, 0).await;
        Ok::<_, larder::Error>(())
    });
    commit.await.unwrap();
    scene.ends_well().await;
}

/// A transaction replaces the inner value instead of evicting it. Until the replacement is written, the older one can be read.
#[tokio::test]
async fn a_put_of_a_transaction() {
    let scene = Scene::new().await;
    scene.store.backend.faults().fail_next(Operation::Set, 1);
    scene.fail();
    scene.this.origin.set(2);
    let commit = larder::transaction(async {
        scene.this.cache.entry("row:0").ttl("1h").insert(2u64).await?;
        scene.this.cache.evict_tag("pages").await
    });
    commit.await.unwrap();
    scene.ends_well().await;
}

/// The list goes on in the background.
#[tokio::test]
async fn a_mutator_that_is_dropped() {
    let scene = Scene::new().await;
    let removing = scene.store.hold(At::Before("remove"));
    let this = scene.this.clone();
    let mutator = tokio::spawn(async move { by_tag(&this, 0).await });
    soon(removing.arrived()).await;
    scene.fail();
    mutator.abort();
    mutator.await.unwrap_err();
    removing.open();
    turns().await;
    scene.ends_well().await;
}

/// The reader of this process waits for the second round, too.
#[tokio::test]
async fn a_read_before_the_background_task() {
    let scene = Scene::new().await;
    scene.fail();
    by_tag(&scene.this, 0).await;
    assert_eq!(page(&scene.other, 0).await, 100);
    assert_eq!(page(&scene.this, 0).await, 200);
    assert_eq!(page(&scene.other, 0).await, 200);
}
