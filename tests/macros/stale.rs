//! `stale`: the old value immediately, and a new one soon.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Source, cached, time::Clock};

use crate::Loads;

const SECOND: Duration = Duration::from_secs(1);

/// Installs a cache with this name and returns its clock.
fn install(name: &str) -> Clock {
    let clock = Clock::manual();
    Cache::builder().name(name).clock(clock.clone()).build().unwrap().install();
    clock
}

/// Lets the refresh in the background run: it only needs to be polled.
async fn turns() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_function_serves_the_old_value_while_one_refresh_runs() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "1s", stale = "9s", cache = "stale-function")]
    async fn load(text: &str, (a, b): (u8, u8), numbers: &[u64]) -> Result<String, String> {
        tokio::task::yield_now().await;
        Ok(format!("{text}{a}{b}{numbers:?}{}", LOADS.count()))
    }

    let clock = install("stale-function");
    let call = || load("a", (1, 2), &[3]);
    assert_eq!(call().await.unwrap(), "a12[3]1");
    clock.advance(SECOND);
    for _ in 0..3 {
        let read = call().traced().await;
        assert_eq!((read.value.unwrap().as_str(), read.source), ("a12[3]1", Source::Stale));
        assert_eq!(read.age, SECOND);
    }
    turns().await;
    assert_eq!(call().traced().await.source, Source::Memory);
    assert_eq!((call().await.unwrap().as_str(), LOADS.get()), ("a12[3]2", 2));
    // After the window no old value is served.
    clock.advance(SECOND * 10);
    assert_eq!(call().traced().await.source, Source::Loaded);
}

#[tokio::test]
async fn borrows_inside_of_an_argument_are_cloned_for_the_refresh() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "1s", stale = "9s", cache = "stale-borrowed")]
    async fn load<'a>(
        name: Option<&'a str>,
        names: &[&'a str],
        more: Vec<Option<&u64>>,
        twice: &&str,
        whole: &'static str,
    ) -> String {
        let whole: &'static str = whole;
        tokio::task::yield_now().await;
        format!("{name:?}{names:?}{more:?}{twice}{whole}{}", LOADS.count())
    }

    let clock = install("stale-borrowed");
    // A shared policy has no such requirement.
    #[cached(policy = larder::Policy::new().ttl(SECOND).stale(SECOND), cache = "stale-borrowed")]
    async fn of_any(name: std::borrow::Cow<'_, str>) -> String {
        name.into_owned()
    }
    let call = async || {
        let (a, b) = (String::from("a"), String::from("b"));
        load(Some(&a), &[&a, &b], vec![Some(&7), None], &b.as_str(), "w").await
    };
    let expected = r#"Some("a")["a", "b"][Some(7), None]bw"#;
    assert_eq!(call().await, format!("{expected}1"));
    clock.advance(SECOND);
    assert_eq!(call().await, format!("{expected}1"));
    turns().await;
    assert_eq!(call().await, format!("{expected}2"));
    assert_eq!(of_any("x".into()).await, "x");
}

#[tokio::test]
async fn a_failing_refresh_keeps_the_old_value() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "1s", stale = "9s", cache = "stale-failing")]
    async fn load() -> Result<u64, String> {
        match LOADS.count() {
            1 => Ok(1),
            _ => Err("gone".into()),
        }
    }

    let clock = install("stale-failing");
    assert_eq!(load().await, Ok(1));
    clock.advance(SECOND);
    for _ in 0..3 {
        assert_eq!(load().await, Ok(1));
        turns().await;
        // After a failure the origin is not called during the throttle, which is one second.
        assert_eq!(load().await, Ok(1));
        clock.advance(SECOND);
    }
    assert_eq!(LOADS.get(), 4);
}

#[tokio::test]
async fn a_method_is_refreshed_with_a_clone_of_self() {
    #[derive(Clone)]
    struct Shop {
        city: String,
        loads: Arc<Loads>,
    }

    impl Shop {
        #[cached(
            ttl = "1s",
            stale = "9s",
            key = "borrowed:{self.city}:{id}",
            cache = "stale-method"
        )]
        async fn borrowed(&self, id: u64) -> String {
            format!("{}{id}{}", self.city, self.loads.count())
        }

        #[cached(ttl = "1s", stale = "9s", key = "owned:{self.city}", cache = "stale-method")]
        async fn owned(self) -> u64 {
            self.loads.count()
        }

        #[cached(ttl = "1s", stale = "9s", key = "arc:{self.city}", cache = "stale-method")]
        async fn shared(self: Arc<Self>) -> u64 {
            self.loads.count()
        }
    }

    let clock = install("stale-method");
    let shop = Shop { city: "Ghent".into(), loads: Arc::default() };
    assert_eq!(shop.borrowed(0).await, "Ghent01");
    assert_eq!(shop.clone().owned().await, 2);
    assert_eq!(Arc::new(shop.clone()).shared().await, 3);
    clock.advance(SECOND);
    assert_eq!(shop.borrowed(0).await, "Ghent01");
    assert_eq!(shop.clone().owned().await, 2);
    assert_eq!(Arc::new(shop.clone()).shared().await, 3);
    turns().await;
    assert_eq!(shop.loads.get(), 6);
    assert_eq!(shop.borrowed(0).traced().await.source, Source::Memory);
}

#[tokio::test]
async fn a_generic_function_is_refreshed_with_its_type_arguments() {
    static LOADS: Loads = Loads::new();

    #[cached(ttl = "1s", stale = "9s", cache = "stale-generic")]
    async fn load<T, const N: usize>(value: &T) -> [T; 2]
    where
        T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    {
        LOADS.count();
        [(); 2].map(|()| value.clone())
    }

    let clock = install("stale-generic");
    for _ in 0..3 {
        assert_eq!(load::<_, 1>(&String::from("a")).await, ["a", "a"]);
        assert_eq!(load::<_, 2>(&7_u8).await, [7, 7]);
        clock.advance(SECOND);
        turns().await;
    }
    assert!(LOADS.get() >= 4);
}
