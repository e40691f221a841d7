//! Methods: inherent, of traits, of generic types; and properties.

use std::fmt::Display;

use larder::{cached, cached_property};

use crate::{Loads, install};

#[tokio::test]
async fn self_is_an_argument_like_the_others() {
    static LOADS: Loads = Loads::new();

    #[derive(serde::Serialize)]
    struct Shop {
        city: &'static str,
    }

    impl Shop {
        #[cached(cache = "methods-self")]
        async fn automatic(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }

        #[cached(key = "shop:{self.city}:{id}", cache = "methods-self")]
        async fn template(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }

        #[cached(skip(self), cache = "methods-self")]
        async fn skipped(&self, id: u64) -> u64 {
            let _ = id;
            LOADS.count()
        }
    }

    install("methods-self");
    let [here, there] = ["here", "there"].map(|city| Shop { city });
    assert_eq!([here.automatic(1).await, there.automatic(1).await], [1, 2]);
    assert_eq!([here.automatic(1).await, there.automatic(1).await], [1, 2]);
    assert_eq!([here.template(1).await, there.template(1).await], [3, 4]);
    assert_eq!([here.template(1).await, there.template(1).await], [3, 4]);
    assert_eq!([here.skipped(1).await, there.skipped(1).await], [5, 5]);
}

#[tokio::test]
async fn the_type_is_part_of_a_methods_automatic_key() {
    #[derive(serde::Serialize)]
    struct Wrapper<T>(T);

    impl<T: Display + serde::Serialize> Wrapper<T> {
        #[cached(cache = "methods-type")]
        async fn show(&self) -> String {
            format!("{} {}", std::any::type_name::<T>(), self.0)
        }
    }
    struct One;
    struct Two;
    impl One {
        #[cached(cache = "methods-type")]
        async fn number() -> u64 {
            let _: Self;
            1
        }
    }
    impl Two {
        #[cached(cache = "methods-type")]
        async fn number() -> u64 {
            let _: Self;
            2
        }
    }

    install("methods-type");
    for _ in 0..2 {
        assert_eq!(Wrapper(1_u8).show().await, "u8 1");
        assert_eq!(Wrapper(1_u16).show().await, "u16 1");
        assert_eq!([One::number().await, Two::number().await], [1, 2]);
    }
}

#[tokio::test]
async fn methods_of_traits_are_cached_where_they_are_implemented() {
    static LOADS: Loads = Loads::new();

    trait Find {
        async fn find(&self, id: u64) -> Result<u64, String>;
        #[cached(skip(self), cache = "methods-trait")]
        async fn find_default(&self, id: u64) -> u64 {
            id + LOADS.count()
        }
    }
    struct One;
    struct Two;
    impl Find for One {
        #[cached(skip(self), cache = "methods-trait")]
        async fn find(&self, id: u64) -> Result<u64, String> {
            Ok(id + LOADS.count())
        }
    }
    impl Find for Two {
        #[cached(skip(self), cache = "methods-trait")]
        async fn find(&self, id: u64) -> Result<u64, String> {
            Ok(id + LOADS.count())
        }
    }
    async fn twice(found: &impl Find) -> [Result<u64, String>; 2] {
        [found.find(100).await, found.find(100).await]
    }

    install("methods-trait");
    assert_eq!(twice(&One).await, [Ok(101), Ok(101)]);
    assert_eq!(twice(&Two).await, [Ok(102), Ok(102)]);
    assert_eq!([One.find_default(0).await, One.find_default(0).await], [3, 3]);
    assert_eq!([Two.find_default(0).await, Two.find_default(0).await], [4, 4]);
}

struct Account {
    id: u64,
    loads: Loads,
}

impl Account {
    fn new(id: u64) -> Self {
        Self { id, loads: Loads::new() }
    }

    #[cached_property(ttl = "1m", key = "account:{self.id}", tags = ["accounts"], cache = "properties")]
    async fn balance(&self) -> Result<u64, String> {
        if self.loads.count() == 1 {
            return Err("closed".into());
        }
        Ok(self.id * 100)
    }

    #[cached_property(key = "account:{self.id}:name", cache = "properties")]
    fn name(&self) -> String {
        self.loads.count();
        format!("account {}", self.id)
    }
}

#[tokio::test]
async fn a_property_is_cached_per_instance() {
    let cache = install("properties");
    let (one, two) = (Account::new(1), Account::new(2));
    assert_eq!(one.balance().await, Err("closed".into()));
    for _ in 0..2 {
        assert_eq!(one.balance().await, Ok(100));
    }
    assert_eq!((one.loads.get(), two.loads.get()), (2, 0));
    assert_eq!(two.balance().await, Err("closed".into()));
    assert_eq!(two.balance().await, Ok(200));
    assert_eq!(cache.keys("account:*").await.unwrap(), ["account:1", "account:2"]);
    one.balance().evict().await.unwrap();
    assert_eq!(one.balance().peek().await.unwrap(), None);
    assert_eq!(two.balance().peek().await.unwrap(), Some(200));

    for _ in 0..2 {
        assert_eq!([one.name(), two.name()], ["account 1", "account 2"]);
    }
    assert_eq!((one.loads.get(), two.loads.get()), (3, 3));
}
