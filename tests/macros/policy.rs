//! The options of a policy: each form compiles and runs. The effects of the options are tested with the runtime.

use std::num::ParseIntError;
use std::time::Duration;

use larder::{Policy, Source, Stampede, TimedOut, cached, cached_property, call};

use crate::{Loads, install};

const M: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

static SHARED: Policy = Policy::new()
    .ttl(M)
    .stale(M)
    .stale_if_error(M)
    .soft_timeout(M)
    .hard_timeout(Duration::from_secs(120))
    .none_ttl(M)
    .tags(&["shared"]);

/// An error that can represent a timeout.
#[derive(Clone, Debug, PartialEq)]
enum Failed {
    Late,
    Parse(ParseIntError),
}

impl From<TimedOut> for Failed {
    fn from(_: TimedOut) -> Self {
        Self::Late
    }
}

impl From<ParseIntError> for Failed {
    fn from(error: ParseIntError) -> Self {
        Self::Parse(error)
    }
}

/// All options of a policy except `policy`.
#[cached(
    ttl = "5m",
    tti = 60,
    jitter = "10%",
    stale = "1m",
    stale_if_error = "1h",
    throttle = "500ms",
    early_refresh = 1.5,
    soft_timeout = "1s",
    hard_timeout = "5s",
    none_ttl = 0,
    err_ttl = "2s",
    lease = "30s",
    stampede = "process",
    cache_if = |digit| digit.is_none_or(|digit| digit < 10),
    unless = Option::is_none,
    skip_if = text == "7",
    key = "full:{text}",
    cache = "policy-full"
)]
async fn full(text: &str) -> Result<Option<u8>, Failed> {
    Ok(match text {
        "" => None,
        text => Some(text.parse()?),
    })
}

#[tokio::test]
async fn every_option_at_once() {
    let cache = install("policy-full");
    for _ in 0..2 {
        assert_eq!(full("3").await, Ok(Some(3)));
        assert_eq!(full("").await, Ok(None));
        assert!(matches!(full("x").await, Err(Failed::Parse(_))));
    }
    assert_eq!(full("3").traced().await.source, Source::Memory);
    assert_eq!(full("7").traced().await.source, Source::Bypassed);
    assert!(!cache.contains::<Option<u8>>("full:7").await.unwrap());
}

/// The options that a sync function takes.
#[cached(
    ttl = "5m",
    tti = "1m",
    jitter = 0.5,
    stale_if_error = 60,
    throttle = 2,
    none_ttl = "0s",
    err_ttl = 1,
    lease = 30,
    stampede = "off",
    cache_if = |digit| *digit != Some(8),
    unless = |digit| *digit == Some(9),
    skip_if = text.starts_with('7'),
    cache = "policy-sync"
)]
fn sync(text: &str) -> Result<Option<u8>, ParseIntError> {
    Ok(Some(text.parse()?))
}

#[tokio::test]
async fn every_option_of_a_sync_function() {
    install("policy-sync");
    assert_eq!((sync("3"), sync("3")), (Ok(Some(3)), Ok(Some(3))));
    assert!(sync("x").is_err());
    assert_eq!(call!(sync("3")).traced().await.source, Source::Memory);
    assert_eq!(call!(sync("7")).traced().await.source, Source::Bypassed);
}

#[tokio::test]
async fn a_policy_is_shared_by_functions_of_any_output() {
    const BASE: Policy = Policy::new().ttl(M).jitter(0.1);

    #[cached(policy = SHARED, key = "a:{id}", tags = ["mine", "mine:{id}"], cache = "policy-shared")]
    async fn of_timeouts(id: u64) -> Result<Option<u64>, Failed> {
        Ok(Some(id))
    }

    #[cached(policy = SHARED, key = "b:{id}", tags = ["mine"], cache = "policy-shared")]
    async fn of_other_errors(id: u64) -> Result<u64, String> {
        Ok(id)
    }

    #[cached(policy = SHARED, key = "c:{id}", cache = "policy-shared")]
    async fn of_plain_values(id: &u64) -> u64 {
        *id
    }

    #[cached(policy = SHARED, key = "d:{id}", cache = "policy-shared")]
    fn sync(id: u64) -> Option<u64> {
        Some(id)
    }

    #[cached(policy = BASE.ttl(HOUR).stampede(Stampede::Off), stale = 0, key = "e", cache = "policy-shared", skip(ids))]
    async fn of_an_expression(ids: &mut Vec<u64>) -> usize {
        ids.push(3);
        ids.len()
    }

    #[cached(policy = BASE, ttl = "never", jitter = 0, key = "f:{T}:{id}", cache = "policy-shared")]
    async fn generic<T: Clone + Send + Sync + std::fmt::Display + 'static>(
        id: T,
    ) -> Option<String> {
        Some(id.to_string())
    }

    let cache = install("policy-shared");
    assert_eq!(of_timeouts(1).await, Ok(Some(1)));
    assert_eq!(of_other_errors(1).await, Ok(1));
    assert_eq!((of_plain_values(&1).await, sync(1)), (1, Some(1)));
    assert_eq!(of_an_expression(&mut vec![]).await, 1);
    assert_eq!(generic(1).await.as_deref(), Some("1"));

    // The tags of the attribute are added to those of the policy.
    let left = async || {
        let (timeouts, errors) = (of_timeouts(1).peek().await, of_other_errors(1).peek().await);
        let (plain, sync) = (of_plain_values(&1).peek().await, call!(sync(1)).peek().await);
        let left = [timeouts.unwrap().is_some(), errors.unwrap().is_some()];
        [left[0], left[1], plain.unwrap().is_some(), sync.unwrap().is_some()]
    };
    assert_eq!(left().await, [true; 4]);
    cache.evict_tag("mine:1").await.unwrap();
    assert_eq!(left().await, [false, true, true, true]);
    cache.evict_tag("mine").await.unwrap();
    assert_eq!(left().await, [false, false, true, true]);
    cache.evict_tag("shared").await.unwrap();
    assert_eq!(left().await, [false; 4]);
    assert_eq!(generic(1).peek().await.unwrap().flatten().as_deref(), Some("1"));
}

#[derive(Clone)]
struct Shop {
    city: String,
    open: bool,
}

impl Shop {
    #[cached_property(
        policy = SHARED,
        tti = "1m",
        key = "{self.city}:size",
        skip_if = !self.open,
        cache = "policy-property"
    )]
    async fn size(&self) -> Option<usize> {
        Some(self.city.len())
    }

    #[cached_property(
        ttl = "1m",
        hard_timeout = "1s",
        none_ttl = "1s",
        key = "{self.city}:sync",
        cache = "policy-property"
    )]
    async fn first(&self) -> Result<Option<char>, Failed> {
        Ok(self.city.chars().next())
    }
}

#[tokio::test]
async fn a_property_takes_them_too() {
    install("policy-property");
    let shop = Shop { city: "Ghent".into(), open: true };
    assert_eq!((shop.size().await, shop.first().await), (Some(5), Ok(Some('G'))));
    assert_eq!(shop.size().traced().await.source, Source::Memory);
    let closed = Shop { open: false, ..shop };
    assert_eq!(closed.size().traced().await.source, Source::Bypassed);
}

#[tokio::test]
async fn a_skipped_call_neither_reads_nor_writes() {
    static LOADS: Loads = Loads::new();

    #[cached(key = "page:{page}", skip_if = page > limit, skip(limit), cache = "policy-skipped")]
    async fn page(page: u64, limit: u64) -> u64 {
        page * 100 + LOADS.count()
    }

    let cache = install("policy-skipped");
    assert_eq!((page(3, 2).await, page(3, 2).await), (301, 302));
    assert!(!cache.contains::<u64>("page:3").await.unwrap());
    assert_eq!((page(3, 3).await, page(3, 3).await), (303, 303));
    assert_eq!(page(3, 2).await, 304);
    assert_eq!(page(3, 3).await, 303);
}

/// Arguments and types with names that expansions use.
mod hygiene {
    use super::{M, Policy, TimedOut, cached, install};

    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    struct Result;
    #[allow(dead_code)]
    struct Probe;
    #[allow(dead_code)]
    struct Duration;
    #[allow(dead_code)]
    enum Stampede {}

    #[allow(non_upper_case_globals)]
    const policy: Policy = Policy::new().ttl(M).tags(&["all"]);

    #[cached(
        policy = policy,
        none_ttl = "1s",
        stampede = "process",
        tags = ["{tags}"],
        cache_if = |shape| shape.is_some(),
        unless = |key| *key == Some(0),
        skip_if = shape == 1 && key == 2 && rules == 3 && tags == 4,
        cache = "policy-hygiene"
    )]
    async fn get(key: u8, shape: u8, rules: u8, tags: u8) -> ::core::option::Option<u8> {
        Some(key + shape + rules + tags)
    }

    #[cached(ttl = 5, stale = 5, hard_timeout = 5, err_ttl = 5, local)]
    async fn fails(key: u8, shape: u8) -> ::core::result::Result<u8, Late> {
        if key == shape { Err(Late) } else { Ok(key) }
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Late;

    impl From<TimedOut> for Late {
        fn from(_: TimedOut) -> Self {
            Self
        }
    }

    #[tokio::test]
    async fn arguments_may_have_the_names_of_generated_variables() {
        install("policy-hygiene");
        assert_eq!(get(1, 2, 3, 4).await, Some(10));
        assert_eq!(get(2, 1, 3, 4).traced().await.source, larder::Source::Bypassed);
        assert_eq!((fails(1, 1).await, fails(1, 2).await), (Err(Late), Ok(1)));
    }
}
