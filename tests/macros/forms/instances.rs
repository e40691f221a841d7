//! Instances of generic types never read each other's values, even if the attribute cannot see how they differ.

use std::marker::PhantomData;

use larder::{Cache, cached, call};

use crate::{Loads, install};

trait Named: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    fn make() -> Self;
}

macro_rules! named {
    ($($name:ident),*) => { $(
        /// Has the same representation as the other type.
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct $name(u64);
        impl Named for $name {
            const NAME: &'static str = stringify!($name);
            fn make() -> Self {
                Self(Self::NAME.len() as u64)
            }
        }
    )* };
}
named!(First, Second);

/// A repository whose values do not identify its type parameter.
struct Repo<T>(PhantomData<T>);

impl<T: Named + serde::Serialize + serde::de::DeserializeOwned> Repo<T> {
    #[cached(skip(self), cache = "instances-automatic")]
    async fn all(&self) -> Vec<T> {
        vec![T::make()]
    }

    #[cached(skip(self), cache = "instances-automatic")]
    async fn name(&self) -> String {
        T::NAME.to_owned()
    }

    /// Without `self` and `Self`, nothing in the signature shows the type parameter.
    #[cached(cache = "instances-automatic")]
    async fn hidden(id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(ttl = "1m", stale = "1m", cache = "instances-automatic")]
    async fn hidden_refreshed(id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key_with = id + 1, cache = "instances-automatic")]
    async fn hidden_with(id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(skip(self), cache = "instances-automatic")]
    pub(crate) fn sync(&self) -> String {
        T::NAME.to_owned()
    }

    #[cached(skip(self), cache = "instances-automatic")]
    fn sync_private(&self) -> String {
        T::NAME.to_owned()
    }
}

#[tokio::test]
async fn automatic_keys_tell_them_apart() {
    install("instances-automatic");
    let (first, second) = (Repo::<First>(PhantomData), Repo::<Second>(PhantomData));
    for _ in 0..2 {
        assert_eq!((first.all().await, second.all().await), (vec![First(5)], vec![Second(6)]));
        assert_eq!((first.name().await, second.name().await), ("First".into(), "Second".into()));
        assert_eq!(
            [Repo::<First>::hidden(1).await, Repo::<Second>::hidden(1).await],
            ["First 1", "Second 1"]
        );
        let refreshed =
            [Repo::<First>::hidden_refreshed(1).await, Repo::<Second>::hidden_refreshed(1).await];
        assert_eq!(refreshed, ["First 1", "Second 1"]);
        let with = [Repo::<First>::hidden_with(1).await, Repo::<Second>::hidden_with(1).await];
        assert_eq!(with, ["First 1", "Second 1"]);
        assert_eq!([first.sync(), second.sync()], ["First", "Second"]);
        assert_eq!([first.sync_private(), second.sync_private()], ["First", "Second"]);
    }
    assert!(call!(first.sync()).evict().await.unwrap());
    assert_eq!(call!(first.sync()).peek().await.unwrap(), None);
    assert_eq!(call!(second.sync()).peek().await.unwrap().as_deref(), Some("Second"));
}

struct Service<T>(PhantomData<T>);

impl<T: Named> Service<T> {
    #[cached(key = "name", skip(self), cache = "instances-template")]
    async fn name(&self) -> String {
        T::NAME.to_owned()
    }

    #[cached(key = "hidden:{id}", cache = "instances-template")]
    async fn hidden(id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "own:{U}", skip(self), cache = "instances-template")]
    async fn own<U: Named>(&self) -> String {
        format!("{} {}", T::NAME, U::NAME)
    }

    #[cached(key = "sync", skip(self), cache = "instances-template")]
    pub(crate) fn sync(&self) -> String {
        T::NAME.to_owned()
    }

    #[cached(key = "{Self}:named", skip(self), cache = "instances-template")]
    async fn named(&self) -> String {
        T::NAME.to_owned()
    }

    #[cached(key = "for-all", skip(self, Self), cache = "instances-template")]
    async fn for_all(&self) -> String {
        "all".to_owned()
    }
}

#[tokio::test]
async fn templates_tell_them_apart() {
    let cache = install("instances-template");
    let (first, second) = (Service::<First>(PhantomData), Service::<Second>(PhantomData));
    for _ in 0..2 {
        assert_eq!([first.name().await, second.name().await], ["First", "Second"]);
        assert_eq!(
            [Service::<First>::hidden(1).await, Service::<Second>::hidden(1).await],
            ["First 1", "Second 1"]
        );
        assert_eq!(
            [first.own::<First>().await, first.own::<Second>().await],
            ["First First", "First Second"]
        );
        assert_eq!(second.own::<First>().await, "Second First");
        assert_eq!([first.sync(), second.sync()], ["First", "Second"]);
        assert_eq!([first.named().await, second.named().await], ["First", "Second"]);
        assert_eq!([first.for_all().await, second.for_all().await], ["all", "all"]);
    }
    // Each instance has a separate entry, in every cache.
    assert_eq!(first.name().peek().await.unwrap().as_deref(), Some("First"));
    let other = Cache::builder().build().unwrap();
    second.name().cache(&other).put("other".to_owned()).await.unwrap();
    assert_eq!(first.name().cache(&other).peek().await.unwrap(), None);
    assert_eq!(second.name().peek().await.unwrap().as_deref(), Some("Second"));
    assert!(second.name().evict().await.unwrap());
    assert_eq!(first.name().peek().await.unwrap().as_deref(), Some("First"));
    // The key of the bare template is unused, unless the function declares that all instances share it.
    assert_eq!(cache.get::<String>("name").await.unwrap(), None);
    assert_eq!(cache.get::<String>("for-all").await.unwrap().as_deref(), Some("all"));
}

#[tokio::test]
async fn names_in_blocks_functions_and_implementations_are_distinct() {
    static LOADS: Loads = Loads::new();
    mod inner {
        #[larder::cached(local, cache = "instances-places")]
        pub(super) async fn same() -> &'static str {
            "inner"
        }
    }
    #[cached(local, cache = "instances-places")]
    async fn same() -> &'static str {
        LOADS.count();
        "outer"
    }
    struct Of;
    impl Of {
        #[cached(local, cache = "instances-places")]
        async fn same() -> &'static str {
            "method"
        }
    }
    trait Same {
        async fn same() -> &'static str;
    }
    impl Same for Of {
        #[cached(local, cache = "instances-places")]
        async fn same() -> &'static str {
            "trait"
        }
    }

    let cache = install("instances-places");
    for _ in 0..2 {
        assert_eq!(
            [inner::same().await, same().await, Of::same().await],
            ["inner", "outer", "method"]
        );
        assert_eq!(<Of as Same>::same().await, "trait");
    }
    assert_eq!((LOADS.get(), cache.stats().entries), (1, 4));
}
