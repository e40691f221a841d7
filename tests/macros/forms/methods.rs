//! Methods with each kind of `self`.

use std::rc::Rc;
use std::sync::Arc;

use larder::{Cache, cache_evict, cache_put, cached, cached_property, call};

use super::{send, served, served_sync};
use crate::{Loads, install};

static LOADS: Loads = Loads::new();

#[derive(Clone, Debug, serde::Serialize)]
struct Shop {
    city: String,
    count: u64,
}

impl std::fmt::Display for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.city)
    }
}

impl Shop {
    fn new() -> Self {
        Self { city: "here".to_owned(), count: 0 }
    }

    #[cached(cache = "forms-methods")]
    async fn by_reference(&self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(key = "mutable:{self.city}:{id}", cache = "forms-methods")]
    async fn by_mutable_reference(&mut self, id: u64) -> u64 {
        LOADS.count();
        self.count += 1;
        id
    }

    #[cached(cache = "forms-methods")]
    async fn by_value(self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(cache = "forms-methods")]
    async fn by_mutable_value(mut self, mut id: u64) -> u64 {
        self.count += 1;
        id += self.count + LOADS.count() - LOADS.get();
        id
    }

    #[cached(key = "boxed:{self.city}:{id}", cache = "forms-methods")]
    async fn boxed(self: Box<Self>, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(key = "shared:{self.city}:{id}", cache = "forms-methods")]
    async fn shared(self: Arc<Self>, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(key = "shared-reference:{self.city}:{id}", cache = "forms-methods")]
    async fn shared_reference(self: &Arc<Self>, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(key = "typed:{self.city}:{id}", cache = "forms-methods")]
    #[allow(clippy::needless_arbitrary_self_type)]
    async fn typed_reference(self: &Self, id: u64) -> u64 {
        LOADS.count();
        id
    }

    #[cached(key = "counted:{self.city}:{id}", cache = "forms-methods", local)]
    async fn counted(self: Rc<Self>, id: u64) -> u64 {
        LOADS.count();
        id
    }

    #[cached(skip(self), cache = "forms-methods")]
    async fn not_part_of_it(&self, id: u64) -> u64 {
        LOADS.count();
        id
    }

    /// `self` in a macro, in a format string, in a closure, and another `self` in an item.
    #[cached(ttl = "1m", stale = "1m", key = "refreshed:{self.city}:{id}", cache = "forms-methods")]
    async fn refreshed(&self, id: u64) -> String {
        struct Local(u64);
        impl Local {
            fn id(&self) -> u64 {
                self.0
            }
        }
        tokio::task::yield_now().await;
        LOADS.count();
        let city = || self.city.clone();
        format!("{} {} {self} {}", self.city, city(), Local(id).id())
    }

    #[cached(
        ttl = "1m",
        stale = "1m",
        key = "refreshed-shared:{self.city}",
        cache = "forms-methods"
    )]
    async fn refreshed_shared(self: Arc<Self>) -> String {
        LOADS.count();
        self.city.clone()
    }

    #[cached(
        ttl = "1m",
        early_refresh,
        key = "refreshed-value:{self.city}",
        cache = "forms-methods"
    )]
    async fn refreshed_value(mut self) -> String {
        LOADS.count();
        self.city.push('!');
        self.city
    }

    #[cached(cache = "forms-methods")]
    pub(crate) fn sync(&self, id: u64) -> String {
        LOADS.count();
        format!("{} {id}", self.city)
    }

    #[cached(key = "sync-mutable:{id}", skip(self), cache = "forms-methods")]
    pub(crate) fn sync_mutable(&mut self, id: u64) -> u64 {
        LOADS.count();
        self.count += 1;
        id
    }

    /// Without a visibility the method may belong to a trait, so there is no `call!` for it.
    #[cached(key = "sync-private:{self.city}:{id}", cache = "forms-methods")]
    fn sync_private(&self, id: u64) -> u64 {
        LOADS.count();
        id
    }

    #[cached_property(key = "property:{self.city}", cache = "forms-methods")]
    async fn property(&self) -> u64 {
        LOADS.count()
    }

    #[cache_evict(self.by_reference(id), self.property())]
    #[cache_evict(call!(self.sync(id)), key = "sync-private:{self.city}:{id}", cache = "forms-methods")]
    async fn change(&self, id: u64) {}

    #[cache_evict(Arc::clone(&self).shared(id))]
    async fn change_shared(self: Arc<Self>, id: u64) {
        let _ = id;
    }

    #[cache_evict(self.clone().by_value(id))]
    fn change_value(self, id: u64) -> String {
        self.city
    }

    #[cache_put(self.by_mutable_reference(id))]
    async fn set(&mut self, id: u64, to: u64) -> u64 {
        self.count = 0;
        to
    }
}

#[tokio::test]
async fn each_kind_of_self() {
    let _: Cache = install("forms-methods");
    let mut shop = Shop::new();
    served!(send(shop.by_reference(1)) => "here 1");
    served!(send(shop.by_mutable_reference(1)) => 1);
    assert_eq!(shop.count, 2);
    served!(send(shop.clone().by_value(1)) => "here 1");
    served!(send(shop.clone().by_mutable_value(1)) => 1 + shop.count + 1);
    served!(send(Box::new(shop.clone()).boxed(1)) => "here 1");
    let shared = Arc::new(shop.clone());
    served!(send(Arc::clone(&shared).shared(1)) => "here 1");
    served!(send(shared.shared_reference(1)) => "here 1");
    served!(send(shared.typed_reference(1)) => 1);
    served!(Rc::new(shop.clone()).counted(1) => 1);
    served!(send(shop.not_part_of_it(1)) => 1);
    served!(send(shop.refreshed(3)) => "here here here 3");
    served!(send(Arc::clone(&shared).refreshed_shared()) => "here");
    served!(send(shop.clone().refreshed_value()) => "here!");
    served_sync!(shop.sync(1), call!(shop.sync(1)) => "here 1");
    served_sync!(shop.sync_mutable(1), call!(shop.sync_mutable(1)) => 1);

    // Evictions by the calls themselves.
    let before = (shop.property().await, LOADS.get());
    assert_eq!((shop.by_reference(1).await, shop.sync(1), shop.sync_private(1)).2, 1);
    let loads = LOADS.get();
    shop.change(1).await;
    assert_eq!((shop.by_reference(1).await, shop.sync(1), shop.sync_private(1)).2, 1);
    assert_eq!(LOADS.get(), loads + 3);
    assert!(shop.property().await > before.0);
    let loads = LOADS.get();
    Arc::clone(&shared).change_shared(1).await;
    shop.clone().change_value(1);
    assert_eq!(shared.shared(1).await, "here 1");
    assert_eq!(shop.clone().by_value(1).await, "here 1");
    assert_eq!(LOADS.get(), loads + 2);
    assert_eq!((shop.set(1, 9).await, shop.by_mutable_reference(1).await), (9, 9));
}
