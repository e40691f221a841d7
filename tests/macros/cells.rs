//! Properties in a cell: values that belong to an instance and end with it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder::{Cache, CachedCell, Error, Source, cache_evict, cached_property, call, time::Clock};
use tokio::sync::Semaphore;

use crate::gated::Gated;
use crate::origin::turns;
use crate::{Loads, install};

const SECOND: Duration = Duration::from_secs(1);

/// A value whose drop can be observed. Without serde.
type Posts = Arc<Vec<u64>>;

#[derive(Clone, Debug, Default)]
struct User {
    id: u64,
    cell: CachedCell,
    loads: Arc<Loads>,
}

impl User {
    fn new(id: u64) -> Self {
        Self { id, ..Self::default() }
    }

    #[cached_property(cell = self.cell, ttl = "10s", stale = "10s", tags = ["posts", "user:{self.id}"], cache = "cells")]
    async fn posts(&self) -> Posts {
        tokio::task::yield_now().await;
        Arc::new(vec![self.id, self.loads.count()])
    }

    #[cached_property(cell = self.cell, tags = ["user:{self.id}"], cache = "cells")]
    async fn score(&self) -> Result<Option<u64>, String> {
        match self.loads.count() {
            1 => Err("not yet".into()),
            2 => Ok(None),
            count => Ok(Some(count)),
        }
    }

    #[cached_property(cell = self.cell, cache = "cells")]
    pub(crate) fn name(&self) -> String {
        format!("user {} {}", self.id, self.loads.count())
    }
}

/// Locks the cache, because its tests must run one after the other.
async fn cells() -> (tokio::sync::MutexGuard<'static, ()>, Cache, Clock) {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let one = ONE.lock().await;
    let clock = Clock::manual();
    let cache = Cache::builder().name("cells").clock(clock.clone()).build().unwrap();
    cache.install();
    (one, cache, clock)
}

#[tokio::test]
async fn a_value_for_each_instance_and_property() {
    let (_one, cache, _) = cells().await;
    let (a, b) = (User::new(1), User::new(1));
    for _ in 0..2 {
        assert_eq!([a.posts().await, b.posts().await].map(|posts| posts[1]), [1, 1]);
        assert_eq!((a.name(), b.name()), ("user 1 2".into(), "user 1 2".into()));
    }
    assert_eq!((a.loads.get(), b.loads.get(), cache.stats().entries), (2, 2, 4));
    assert_eq!(a.posts().traced().await.source, Source::Memory);
    // An equal instance is a different one, and cached values do not count for equality.
    assert_eq!(a.cell, b.cell);
    assert_eq!(format!("{:?}", a.cell), "CachedCell");
}

#[tokio::test]
async fn a_property_in_a_cell_takes_every_direction() {
    let (_one, _, _) = cells().await;
    let user = User::new(1);
    assert_eq!(user.posts().peek().await.unwrap(), None);
    assert_eq!(*user.posts().await, [1, 1]);
    assert_eq!(*user.posts().refresh().await, [1, 2]);
    assert_eq!(*user.posts().bypass().await, [1, 3]);
    assert_eq!(*user.posts().peek().await.unwrap().unwrap(), [1, 2]);
    user.posts().put(Arc::new(vec![7])).await.unwrap();
    assert_eq!(*user.posts().await, [7]);
    assert!(user.posts().evict().await.unwrap());
    assert!(!user.posts().evict().await.unwrap());
    assert_eq!(*user.posts().await, [1, 4]);
    // Sync properties too.
    assert_eq!(user.name(), "user 1 5");
    assert_eq!(call!(user.name()).refresh().await, "user 1 6");
    call!(user.name()).put("put".into()).await.unwrap();
    assert_eq!(user.name(), "put");
    assert!(call!(user.name()).evict().await.unwrap());
    assert_eq!(user.name(), "user 1 7");
}

#[tokio::test]
async fn errors_are_not_kept_and_none_is_a_value() {
    let (_one, _, _) = cells().await;
    let user = User::new(1);
    assert_eq!(user.score().await, Err("not yet".into()));
    assert_eq!([user.score().await, user.score().await], [Ok(None), Ok(None)]);
    user.score().evict().await.unwrap();
    assert_eq!(user.score().await, Ok(Some(3)));
}

#[tokio::test]
async fn one_by_one_by_instance_by_relation_and_all() {
    let (_one, cache, _) = cells().await;
    let users = [User::new(1), User::new(2)];
    let fill = async || {
        for user in &users {
            let _ = (user.posts().await, user.name(), user.score().await);
        }
    };
    let cached = async || {
        let mut cached = Vec::new();
        for user in &users {
            cached.push(user.posts().peek().await.unwrap().is_some());
            cached.push(call!(user.name()).peek().await.unwrap().is_some());
        }
        cached
    };
    fill().await;
    assert_eq!(cached().await, [true, true, true, true]);
    users[0].posts().evict().await.unwrap();
    assert_eq!(cached().await, [false, true, true, true]);
    fill().await;
    users[1].cell.clear();
    assert_eq!(cached().await, [true, true, false, false]);
    fill().await;
    cache.evict_tag("posts").await.unwrap();
    assert_eq!(cached().await, [false, true, false, true]);
    fill().await;
    cache.evict_tag("user:1").await.unwrap();
    assert_eq!(cached().await, [false, true, true, true]);
    fill().await;
    cache.clear().await.unwrap();
    assert_eq!(cached().await, [false, false, false, false]);
}

#[tokio::test]
async fn an_old_value_is_served_while_one_refresh_runs() {
    let (_one, _, clock) = cells().await;
    let user = User::new(3);
    assert_eq!(*user.posts().await, [3, 1]);
    clock.advance(SECOND * 10);
    for _ in 0..3 {
        let read = user.posts().traced().await;
        assert_eq!((&**read.value, read.source), (&[3, 1][..], Source::Stale));
    }
    turns().await;
    assert_eq!((&**user.posts().await, user.loads.get()), (&[3, 2][..], 2));
    clock.advance(SECOND * 20);
    assert_eq!(user.posts().traced().await.source, Source::Loaded);
}

#[tokio::test]
async fn a_clone_is_another_instance() {
    let (_one, _, _) = cells().await;
    let user = User::new(1);
    assert_eq!(*user.posts().await, [1, 1]);
    let mut other = user.clone();
    other.id = 2;
    assert_eq!((&**other.posts().await, &**user.posts().await), (&[2, 2][..], &[1, 1][..]));
}

#[tokio::test]
async fn values_end_with_their_instance() {
    let (_one, cache, clock) = cells().await;
    let user = User::new(1);
    let value: Weak<Vec<u64>> = Arc::downgrade(&user.posts().await);
    let _ = (user.name(), user.score().await, user.score().await);
    // Also from another cache, and under a tenant's key.
    let other = Cache::builder().build().unwrap();
    let _ = (user.posts().cache(&other).await, user.posts().tenant("acme").await);
    assert_eq!((cache.stats().entries, other.stats().entries), (4, 1));
    assert!(value.upgrade().is_some());
    drop(user);
    assert_eq!((cache.stats().entries, other.stats().entries), (0, 0));
    assert!(value.upgrade().is_none());

    // A refresh that is still under way then leaves no entry.
    let user = User::new(1);
    drop(user.posts().await);
    clock.advance(SECOND * 10);
    assert_eq!(user.posts().traced().await.source, Source::Stale);
    let loads = Arc::clone(&user.loads);
    drop(user);
    turns().await;
    assert_eq!((loads.get(), cache.stats().entries), (2, 0));

    // A put under way leaves no entry either.
    let user = User::new(1);
    let put = user.posts().put(Arc::default());
    drop(user);
    put.await.unwrap();
    assert_eq!(cache.stats().entries, 0);
}

/// Loads wait until the test releases them.
struct Slow {
    cache: Cache,
    cell: CachedCell,
    go: Semaphore,
    loads: Loads,
}

impl Slow {
    fn new() -> Self {
        let cache = Cache::builder().build().unwrap();
        Self { cache, cell: CachedCell::new(), go: Semaphore::new(0), loads: Loads::new() }
    }

    #[cached_property(cell = self.cell, cache = self.cache)]
    async fn value(&self) -> u64 {
        let count = self.loads.count();
        self.go.acquire().await.unwrap().forget();
        count
    }
}

#[tokio::test]
async fn one_load_and_one_takeover() {
    let slow = Arc::new(Slow::new());
    let read = |slow: &Arc<Slow>| {
        let slow = Arc::clone(slow);
        tokio::spawn(async move { slow.value().await })
    };
    let leader = read(&slow);
    turns().await;
    let waiters: Vec<_> = (0..20).map(|_| read(&slow)).collect();
    turns().await;
    assert_eq!(slow.loads.get(), 1);
    leader.abort();
    turns().await;
    slow.go.add_permits(1);
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), 2);
    }
    assert_eq!(slow.loads.get(), 2);
}

#[tokio::test]
async fn a_load_from_before_an_eviction_is_not_kept() {
    let slow = Slow::new();
    for (expected, by_clear) in [(1, false), (2, true)] {
        let evict = async {
            turns().await;
            match by_clear {
                true => slow.cell.clear(),
                false => drop(slow.value().evict().await.unwrap()),
            }
            slow.go.add_permits(1);
        };
        let (loaded, ()) = tokio::join!(slow.value(), evict);
        assert_eq!(loaded, expected);
        assert_eq!(slow.value().peek().await.unwrap(), None);
    }
}

#[tokio::test]
async fn evictions_of_a_transaction_wait_for_its_commit() {
    let (_one, _, _) = cells().await;
    let user = User::new(1);
    assert_eq!(*user.posts().await, [1, 1]);
    let rolled_back = larder::transaction(async {
        user.cell.clear();
        // Its own reads bypass the cache.
        assert_eq!(*user.posts().await, [1, 2]);
        Err::<(), _>("no")
    });
    assert_eq!(rolled_back.await, Err("no"));
    assert_eq!(*user.posts().await, [1, 1]);
    let committed = larder::transaction(async {
        user.posts().put(Arc::new(vec![9])).await?;
        Ok::<_, Error>(())
    });
    committed.await.unwrap();
    assert_eq!(*user.posts().await, [9]);
    let committed = larder::transaction(async {
        user.cell.clear();
        Ok::<_, Error>(())
    });
    committed.await.unwrap();
    assert_eq!(*user.posts().await, [1, 3]);
}

#[tokio::test]
async fn cells_are_never_sent_to_the_remote_tier() {
    #[derive(Clone, Default)]
    struct Shop {
        cell: CachedCell,
    }
    impl Shop {
        #[cached_property(cell = self.cell, cache_if = |stock| *stock > 0, cache = "cells-remote")]
        async fn stock(&self) -> u64 {
            7
        }
    }
    #[cache_evict(shop.stock())]
    async fn sell(shop: &Shop) {
        let _ = shop;
    }

    let (store, clock) = (Gated::new(), Clock::manual());
    let builder = Cache::builder().name("cells-remote").remote(store.backend.clone());
    let cache = builder.clock(clock).build().unwrap();
    cache.install();
    store.set_down(true);
    let shop = Shop::default();
    assert_eq!(shop.stock().await, 7);
    assert_eq!(shop.stock().traced().await.source, Source::Memory);
    assert!(shop.stock().evict().await.unwrap());
    shop.stock().put(8).await.unwrap();
    assert_eq!(shop.stock().peek().await.unwrap(), Some(8));
    // A value that the condition rejects evicts.
    shop.stock().put(0).await.unwrap();
    assert_eq!(shop.stock().peek().await.unwrap(), None);
    assert_eq!(shop.stock().tenant("acme").await, 7);
    assert!(shop.stock().tenant("acme").evict().await.unwrap());
    shop.stock().await;
    sell(&shop).await;
    shop.stock().await;
    shop.cell.clear();
    assert_eq!(shop.stock().peek().await.unwrap(), None);
    assert_eq!(cache.stats().remote_errors, 0);
}

#[tokio::test]
async fn a_cell_may_be_behind_a_pointer_and_of_any_type() {
    struct Page<T> {
        cell: Arc<CachedCell>,
        of: Vec<T>,
    }
    impl<T: Clone + Send + Sync + 'static> Page<T> {
        #[cached_property(cell = self.cell, cache = "cells-generic")]
        async fn first(&self) -> Option<T> {
            self.of.first().cloned()
        }

        #[cached_property(cell = &*self.cell, cache = "cells-generic")]
        fn size<U>(&self) -> usize {
            self.of.len() * size_of::<U>()
        }
    }

    let cache = install("cells-generic");
    let cell = Arc::new(CachedCell::new());
    let numbers = Page { cell: Arc::clone(&cell), of: vec![1_u8] };
    let texts = Page { cell: Arc::clone(&cell), of: vec!["a"] };
    for _ in 0..2 {
        // Both pages share one cell, but never a value.
        assert_eq!((numbers.first().await, texts.first().await), (Some(1), Some("a")));
        assert_eq!((numbers.size::<u8>(), numbers.size::<u32>()), (1, 4));
    }
    drop((numbers, texts));
    assert_eq!(cache.stats().entries, 4);
    drop(cell);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn a_value_in_a_cell_may_have_cells_itself() {
    #[derive(Clone, Default)]
    struct Node {
        depth: u64,
        cell: CachedCell,
    }
    impl Node {
        #[cached_property(cell = self.cell, cache = "cells-nested")]
        async fn child(&self) -> Arc<Node> {
            Arc::new(Node { depth: self.depth + 1, ..Node::default() })
        }
    }

    let cache = install("cells-nested");
    let root = Node::default();
    let (child, grandchild) = (root.child().await, root.child().await.child().await);
    assert_eq!((child.depth, grandchild.depth, cache.stats().entries), (1, 2, 2));
    assert!(Arc::ptr_eq(&grandchild, &root.child().await.child().await));
    drop((child, grandchild));
    drop(root);
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn a_value_under_a_separate_key_does_not_belong_to_the_cell() {
    let (_one, cache, _) = cells().await;
    let user = User::new(5);
    user.posts().key("mine").await;
    drop(user);
    assert_eq!(cache.keys("*").await.unwrap(), ["mine"]);
}
