//! Sync functions, and their `Call`.

use larder::{Source, cached, call};

use crate::{Loads, install};

#[cached(cache = "sync-fib")]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[tokio::test]
async fn a_function_can_call_itself() {
    let cache = install("sync-fib");
    assert_eq!(fib(40), 102_334_155);
    assert_eq!(cache.stats().entries, 41);
}

#[tokio::test]
async fn call_gives_the_call_of_a_function() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "square:{n}", cache = "sync-call")]
    fn square(n: u64) -> u64 {
        LOADS.count();
        n * n
    }

    install("sync-call");
    assert_eq!(call!(square(3)).peek().await.unwrap(), None);
    assert_eq!((square(3), square(3), LOADS.get()), (9, 9, 1));
    assert_eq!(call!(square(3)).peek().await.unwrap(), Some(9));
    let read = call!(square(3)).traced().await;
    assert_eq!((read.value, read.source), (9, Source::Memory));
    assert_eq!((call!(square(3)).refresh().await, LOADS.get()), (9, 2));
    assert_eq!((call!(square(3)).bypass().await, LOADS.get()), (9, 3));
    assert!(call!(square(3)).evict().await.unwrap());
    assert_eq!((square(3), LOADS.get()), (9, 4));
    call!(square(3)).put(10).await.unwrap();
    assert_eq!((square(3), LOADS.get()), (10, 4));
}

mod elsewhere {
    #[larder::cached(cache = "sync-paths")]
    pub(super) fn twice(n: u64) -> u64 {
        n * 2
    }
}

#[derive(serde::Serialize)]
struct Report {
    year: u64,
}

impl Report {
    #[cached(cache = "sync-paths")]
    pub(crate) fn total(&self, n: u64) -> u64 {
        self.year + n
    }

    #[cached(cache = "sync-paths")]
    pub(crate) fn first(n: u64) -> Result<u64, std::num::ParseIntError> {
        Ok(Self { year: "1900".parse()? }.year + n)
    }
}

#[tokio::test]
async fn call_takes_paths_methods_and_type_arguments() {
    #[cached(cache = "sync-paths")]
    fn size<T>(n: usize) -> usize {
        size_of::<T>() * n
    }

    install("sync-paths");
    let report = Report { year: 2000 };
    assert_eq!((elsewhere::twice(4), report.total(1), size::<u16>(3)), (8, 2001, 6));
    assert_eq!(Report::first(1), Ok(1901));
    assert_eq!(call!(elsewhere::twice(4)).peek().await.unwrap(), Some(8));
    assert_eq!(call!(report.total(1)).peek().await.unwrap(), Some(2001));
    assert_eq!(call!(Report::total(&report, 1)).peek().await.unwrap(), Some(2001));
    assert_eq!(call!(Report::first(1)).peek().await.unwrap(), Some(1901));
    assert_eq!(call!(size::<u16>(3)).peek().await.unwrap(), Some(6));
    assert_eq!(call!(size::<u32>(3)).peek().await.unwrap(), None);
}

#[tokio::test]
async fn an_error_is_returned_and_not_cached() {
    static LOADS: Loads = Loads::new();

    /// Not `Clone`.
    #[derive(Debug, PartialEq)]
    struct Odd;
    type Checked<T> = Result<T, Odd>;

    #[cached(cache = "sync-errors")]
    fn half(n: u64) -> Checked<u64> {
        LOADS.count();
        if n % 2 == 1 {
            return Err(Odd);
        }
        Ok(n / 2)
    }

    let cache = install("sync-errors");
    assert_eq!([half(3), half(3), half(4), half(4)], [Err(Odd), Err(Odd), Ok(2), Ok(2)]);
    assert_eq!((LOADS.get(), cache.stats().entries), (3, 1));
}

#[test]
fn no_runtime_is_needed() {
    static LOADS: Loads = Loads::new();

    #[cached(cache = "sync-threads")]
    fn slow(n: u64) -> u64 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        LOADS.count();
        n
    }

    install("sync-threads");
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| assert_eq!(slow(7), 7));
        }
    });
    assert_eq!(LOADS.get(), 1);
}
