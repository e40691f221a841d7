//! Arguments of every kind: borrowed, optional, taken apart, opaque.

use std::collections::BTreeMap;
use std::fmt::Display;

use larder::{cache_evict, cached, call};

use super::{send, served, served_sync};
use crate::{Loads, install};

#[derive(Clone, Copy, serde::Serialize)]
struct Point {
    x: u64,
    y: u64,
}

#[tokio::test]
async fn borrowed_and_optional_types() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "forms-borrowed")]
    async fn text(text: &str) -> usize {
        LOADS.count();
        text.len()
    }

    #[cached(cache = "forms-borrowed")]
    async fn slice(numbers: &[u64]) -> u64 {
        LOADS.count();
        numbers.iter().sum()
    }

    #[cached(cache = "forms-borrowed")]
    async fn array(numbers: [u8; 2], more: &[&str; 2]) -> usize {
        LOADS.count();
        usize::from(numbers[0]) + more[1].len()
    }

    #[cached(cache = "forms-borrowed")]
    async fn optional(text: Option<&str>, point: Option<&Point>) -> u64 {
        LOADS.count();
        text.map_or(0, |text| text.len() as u64) + point.map_or(0, |point| point.x)
    }

    #[cached(key = "twice:{number}:{text}", cache = "forms-borrowed")]
    async fn twice(number: &&u64, text: &&&str) -> u64 {
        LOADS.count();
        **number + text.len() as u64
    }

    #[cached(cache = "forms-borrowed")]
    async fn map(map: &BTreeMap<String, Vec<u8>>) -> usize {
        LOADS.count();
        map.len()
    }

    #[cached(skip(out), cache = "forms-borrowed")]
    async fn written(out: &mut Vec<u64>, n: u64) -> u64 {
        LOADS.count();
        out.push(n);
        n
    }

    #[cached(ttl = "1m", stale = "1m", cache = "forms-borrowed")]
    async fn refreshed(text: &str, numbers: &[u64], point: &Point, twice: &&'static str) -> String {
        tokio::task::yield_now().await;
        LOADS.count();
        format!("{text}{numbers:?}{}{twice}", point.x)
    }

    #[cached(cache = "forms-borrowed")]
    fn sync(text: &str, number: &u64, _: &[u8]) -> String {
        LOADS.count();
        format!("{text}{number}")
    }

    #[cache_evict(text(of), slice(&[1, 2]), optional(Some(of), None))]
    async fn change(of: &str) {}

    install("forms-borrowed");
    let point = Point { x: 1, y: 2 };
    served!(send(text("abc")) => 3);
    served!(send(slice(&[1, 2])) => 3);
    served!(send(array([1, 2], &["a", "b"])) => 2);
    served!(send(optional(Some("a"), Some(&point))) => 2);
    served!(send(optional(None, None)) => 0);
    served!(send(twice(&&1, &&"a")) => 2);
    served!(send(map(&BTreeMap::from([("a".to_owned(), vec![1])]))) => 1);
    let mut out = Vec::new();
    served!(send(written(&mut out, 1)) => 1);
    assert_eq!(out, [1, 1], "a hit writes nothing");
    served!(send(refreshed("a", &[1], &point, &"b")) => "a[1]1b");
    let loads = LOADS.get();
    assert_eq!((text("abc").await, slice(&[1, 2]).await, LOADS.get()), (3, 3, loads));
    send(change("abc")).await;
    assert_eq!((text("abc").await, slice(&[1, 2]).await, LOADS.get()), (3, 3, loads + 2));
    assert_ne!(optional(Some("a"), None).await, optional(None, None).await);
    served_sync!(sync("a", &1, &[]), call!(sync("a", &1, &[])) => "a1");
}

#[tokio::test]
async fn patterns() {
    static LOADS: Loads = Loads::new();

    #[derive(serde::Serialize)]
    struct Wrapper(u64);

    #[cached(cache = "forms-patterns")]
    async fn tuple((a, mut b): (u64, u64), [c, ..]: [u64; 3]) -> u64 {
        b += 1;
        LOADS.count();
        a + b + c
    }

    #[cached(cache = "forms-patterns")]
    async fn fields(Point { x, y: ref other }: Point, Wrapper(n): Wrapper, _: &str) -> u64 {
        LOADS.count();
        x + *other + n
    }

    #[cached(cache = "forms-patterns")]
    async fn borrowed(
        &(a, b): &(u64, u64),
        &mut ref c: &mut Vec<u64>,
        whole @ (d, _): (u64, u64),
    ) -> u64 {
        LOADS.count();
        a + b + c.len() as u64 + d + whole.1
    }

    #[cached(ttl = "1m", stale = "1m", cache = "forms-patterns")]
    async fn refreshed((a, mut b): (u64, u64), &Point { x, .. }: &Point, mut n: u64) -> u64 {
        tokio::task::yield_now().await;
        b += 1;
        n += 1;
        LOADS.count();
        a + b + x + n
    }

    #[cached(cache = "forms-patterns")]
    fn sync((a, b): (u64, u64), Point { x, .. }: Point) -> u64 {
        LOADS.count();
        a + b + x
    }

    struct Of;
    impl Of {
        #[cached(skip(self), cache = "forms-patterns")]
        fn method(&self, (a, b): (u64, u64)) -> u64 {
            LOADS.count();
            a + b
        }
    }

    #[cache_evict(tuple((1, n), [3, 4, 5]))]
    async fn change(Point { x, y }: Point, n: u64) -> u64 {
        x + y + n
    }

    install("forms-patterns");
    let point = Point { x: 1, y: 2 };
    served!(send(tuple((1, 2), [3, 4, 5])) => 7);
    served!(send(fields(point, Wrapper(3), "")) => 6);
    served!(send(borrowed(&(1, 2), &mut vec![1], (3, 4))) => 11);
    served!(send(refreshed((1, 2), &point, 3)) => 9);
    served_sync!(sync((1, 2), point), call!(sync((1, 2), point)) => 4);
    assert_eq!((Of.method((1, 2)), Of.method((1, 2)), Of.method((2, 2))), (3, 3, 4));
    let loads = LOADS.get();
    assert_eq!(
        (change(point, 2).await, tuple((1, 2), [3, 4, 5]).await, LOADS.get()),
        (5, 7, loads + 1)
    );
}

#[tokio::test]
async fn opaque_types() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "forms-opaque")]
    async fn value(
        text: impl Display + serde::Serialize,
        _: Option<impl serde::Serialize>,
    ) -> String {
        LOADS.count();
        format!("{text}")
    }

    #[cached(skip(by), key = "function:{n}", cache = "forms-opaque")]
    async fn function(n: u64, by: impl Fn(u64) -> u64) -> u64 {
        LOADS.count();
        by(n)
    }

    #[cached(ttl = "1m", stale = "1m", cache = "forms-opaque")]
    async fn refreshed(
        text: &(impl Display + Clone + serde::Serialize + Send + Sync + 'static),
        more: impl Into<String> + serde::Serialize + Send + 'static,
    ) -> String {
        tokio::task::yield_now().await;
        LOADS.count();
        format!("{text}{}", more.into())
    }

    #[cached(key = "sync:{text}", cache = "forms-opaque")]
    fn sync(text: impl Display) -> String {
        LOADS.count();
        text.to_string()
    }

    install("forms-opaque");
    served!(send(value("a", Some(1))) => "a");
    served!(function(1, |n| n + 1) => 2);
    served!(send(refreshed(&1, "b")) => "1b");
    served_sync!(sync("a"), call!(sync("a")) => "a");

    // Instances of a generic function are separate functions.
    #[cached(cache = "forms-opaque")]
    async fn size<T>(
        _: impl Sized + serde::Serialize + Copy,
        _: std::marker::PhantomData<T>,
    ) -> usize {
        0
    }
    #[cached(cache = "forms-opaque")]
    async fn size_of(of: impl serde::Serialize + Copy) -> usize {
        size_of_val(&of)
    }
    assert_eq!((size_of(7_u8).await, size_of(7_u64).await, size_of(7_u8).await), (1, 8, 1));
    assert_eq!(size(1, std::marker::PhantomData::<u8>).await, 0);
}
