//! Statistics as values: differences, resets, serde, text.

use larder::health::BreakerState;
use larder::stats::{Stats, TierStats};
use larder::{Cache, cached};

#[cached(key = "n:{n}", cache = cache, skip(cache))]
async fn twice(cache: &Cache, n: u64) -> u64 {
    2 * n
}

async fn calls(cache: &Cache, calls: u64) {
    for n in 0..calls {
        twice(cache, n).await;
        twice(cache, n).await;
    }
}

#[tokio::test]
async fn the_difference_counts_the_events_in_between() {
    let cache = Cache::builder().build().unwrap();
    calls(&cache, 5).await;
    let before = cache.stats();
    calls(&cache, 8).await;
    cache.remove("n:0").await.unwrap();
    let since = cache.stats().since(&before);
    assert_eq!((since.memory_hits, since.misses, since.loads), (13, 3, 3), "{since:?}");
    assert_eq!((since.load_time.count(), since.response_time.count()), (3, 3));
    assert_eq!((since.removals, since.evicted_keys), (1, 1));
    assert_eq!(since.entries, 7, "how things stand now");
    assert_eq!(before.since(&before).requests(), 0);
    // In the wrong order the difference is zero, and does not panic.
    assert_eq!(before.since(&cache.stats()).requests(), 0);
}

#[tokio::test]
async fn a_reset_begins_at_zero_for_all_handles_and_functions() {
    let cache = Cache::builder().build().unwrap();
    let other = cache.clone();
    calls(&cache, 5).await;
    cache.remove("n:0").await.unwrap();
    cache.reset_stats();
    for stats in [cache.stats(), other.stats()] {
        assert_eq!(stats, {
            let mut zero = Stats::default();
            zero.entries = 4;
            zero.bytes = stats.bytes;
            zero
        });
    }
    assert_eq!(other.stats_by_function()[0].stats, Stats::default());
    calls(&cache, 6).await;
    let stats = other.stats();
    assert_eq!((stats.memory_hits, stats.misses, stats.load_time.count()), (10, 2, 2), "{stats:?}");
    assert_eq!(other.stats_by_function()[0].stats.misses, 2);
    cache.reset_stats();
    assert_eq!(cache.stats().requests(), 0);
}

#[tokio::test]
async fn they_survive_a_round_trip_through_json() {
    let cache = Cache::builder().build().unwrap();
    calls(&cache, 5).await;
    let stats = cache.stats();
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(
        (&json["memory_hits"], &json["load_time"]["count"]),
        (&5.into(), &5.into()),
        "{json}"
    );
    assert!(json["load_time"]["p99"].is_u64(), "{json}");
    assert_eq!(serde_json::from_value::<Stats>(json).unwrap(), stats);
    let functions = cache.stats_by_function();
    let json = serde_json::to_string(&functions).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<larder::stats::FunctionStats>>(&json).unwrap(),
        functions
    );
    // Written by a version with fewer counters, or by another program.
    let older: Stats = serde_json::from_str(r#"{"misses": 3, "unknown": 1}"#).unwrap();
    assert_eq!((older.misses, older.requests()), (3, 3));
    let odd = r#"{"misses": 18446744073709551615, "memory_hits": 9, "load_time": {"count": 0, "total": 1, "average": null, "p50": null, "p99": null, "buckets": [[18446744073709551615, 18446744073709551615], [3, 7]]}}"#;
    let odd: Stats = serde_json::from_str(odd).unwrap();
    assert_eq!((odd.requests(), odd.memory().misses), (u64::MAX, u64::MAX - 9));
    assert!(odd.load_time.p99().is_some() && odd.to_string().contains("requests"));
}

#[tokio::test]
async fn they_can_be_read() {
    let cache = Cache::builder().build().unwrap();
    calls(&cache, 3).await;
    cache.remove("n:0").await.unwrap();
    let text = cache.stats().to_string();
    for part in
        ["6 (50.0 % hits, 50.0 % misses)", "3 memory", "1, 1 key", "2 entries", "breaker closed"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn they_can_be_added_up() {
    let [first, second] = [(); 2].map(|()| Cache::builder().build().unwrap());
    calls(&first, 3).await;
    calls(&second, 5).await;
    second.remove("n:0").await.unwrap();
    let (one, two) = (first.stats(), second.stats());
    let sum: Stats = [&one, &two].into_iter().sum();
    assert_eq!((sum.requests(), sum.hits(), sum.loads), (16, 8, 8), "{sum:?}");
    assert_eq!((sum.load_time.count(), sum.response_time.count()), (8, 8));
    assert_eq!(sum.load_time.total(), one.load_time.total() + two.load_time.total());
    assert_eq!((sum.evicted_keys, sum.entries, sum.bytes), (1, 7, one.bytes + two.bytes));
    let mut added = one.clone();
    added += &two;
    assert_eq!((added, one.clone() + two.clone()), (sum.clone(), sum.clone()));
    assert_eq!([one, two].into_iter().sum::<Stats>(), sum);
    assert_eq!(std::iter::empty::<Stats>().sum::<Stats>(), Stats::default());
    assert_eq!(sum, {
        let mut same = sum.clone();
        same += Stats::default();
        same
    });
    // The breaker of a sum is the worse one, and no count overflows.
    let with = |breaker: &str| -> Stats {
        serde_json::from_str(&format!(r#"{{"breaker": "{breaker}", "misses": {}}}"#, u64::MAX))
            .unwrap()
    };
    for (breakers, worse) in [
        (["closed", "open"], BreakerState::Open),
        (["half_open", "closed"], BreakerState::HalfOpen),
        (["half_open", "open"], BreakerState::Open),
        (["closed", "closed"], BreakerState::Closed),
    ] {
        let sum: Stats = breakers.map(with).into_iter().sum();
        assert_eq!((sum.breaker, sum.misses), (worse, u64::MAX), "{breakers:?}");
    }
}

#[tokio::test]
async fn json_has_hits_requests_rates_and_times() {
    let cache = Cache::builder().build().unwrap();
    calls(&cache, 4).await;
    let json = serde_json::to_value(cache.stats()).unwrap();
    for (field, wanted) in [
        ("requests", 8.into()),
        ("hits", 4.into()),
        ("misses", 4.into()),
        ("hit_rate", serde_json::json!(0.5)),
        ("miss_rate", serde_json::json!(0.5)),
        ("evictions", 0.into()),
        ("entries", 4.into()),
        ("breaker", "closed".into()),
    ] {
        assert_eq!(json[field], wanted, "{field}: {json}");
    }
    assert!(json["load_time"]["average"].is_u64() && json["response_time"]["p99"].is_u64());
    let tier = serde_json::to_value(cache.stats().memory()).unwrap();
    assert_eq!((&json["memory"], &json["remote"]["requests"]), (&tier, &0.into()));
    assert_eq!((&tier["requests"], &tier["hit_rate"]), (&8.into(), &serde_json::json!(0.5)));
    let read: TierStats = serde_json::from_value(tier).unwrap();
    assert_eq!(read, cache.stats().memory());
    // What is computed is not believed.
    let forged: Stats =
        serde_json::from_str(r#"{"hits": 9, "hit_rate": 1.0, "misses": 1}"#).unwrap();
    assert_eq!((forged.hits(), forged.requests()), (0, 1));
    // Nothing is lost in any format.
    larder::testing::assert_round_trip(&cache.stats());
}

#[test]
fn sizes_have_units() {
    for (bytes, shown) in [
        (0, "0 entries, 0 bytes"),
        (1_023, "1023 bytes"),
        (1_536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (u64::MAX, "TiB"),
    ] {
        let mut stats = Stats::default();
        stats.bytes = bytes;
        assert!(stats.to_string().contains(shown), "{shown}: {stats}");
    }
}
