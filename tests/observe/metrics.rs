//! The `metrics` facade, rendered by the Prometheus exporter and read by a parser of the format.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::{Cache, Error, cached, time::Clock};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use prometheus_parse::{Sample, Scrape, Value};

#[cached(key = "s3cret:{id}", cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> Result<String, String> {
    if id == 0 { Err("v4lue".to_owned()) } else { Ok("v4lue".to_owned()) }
}

fn scrape(handle: &PrometheusHandle) -> (String, Scrape) {
    let text = handle.render();
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = Scrape::parse(lines).unwrap();
    (text, scrape)
}

/// Returns the only sample with this name and these labels.
fn sample<'a>(scrape: &'a Scrape, name: &str, labels: &[(&str, &str)]) -> &'a Sample {
    let fits = |sample: &&Sample| {
        sample.metric == name
            && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(*value))
    };
    let found: Vec<_> = scrape.samples.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {:?}", scrape.samples);
    found[0]
}

fn number(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> f64 {
    match sample(scrape, name, labels).value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => number,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// Runs `work` with a separate recorder.
fn recorded(work: impl AsyncFn()) -> PrometheusHandle {
    let buckets = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("larder_".to_owned()), &[0.001, 0.1, 1.0])
        .unwrap();
    let recorder = buckets.build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work()));
    recorder.handle()
}

#[test]
fn the_published_figures_are_the_counted_ones() {
    let handle = recorded(async || {
        let clock = Clock::manual();
        let cache = Cache::builder().name("shop").clock(clock).build().unwrap();
        for _ in 0..3 {
            user(&cache, 7).await.unwrap();
        }
        user(&cache, 0).await.unwrap_err();
        cache.insert("s3cret:by hand", 1_u64).await.unwrap();
        cache.remove("s3cret:7").await.unwrap();
        cache.publish_metrics();
        // A second publication adds nothing, and a reset affects only `stats`.
        cache.reset_stats();
        cache.publish_metrics();
    });
    let (text, scrape) = scrape(&handle);
    let function = format!("{}::user", module_path!());
    let of_user = |name: &str, label: (&str, &str)| {
        number(&scrape, name, &[("cache", "shop"), ("function", &function), label])
    };
    let all = ("cache", "shop");
    assert_eq!(of_user("larder_requests_total", ("result", "memory_hit")), 2.0);
    assert_eq!(of_user("larder_requests_total", ("result", "miss")), 2.0);
    assert_eq!(of_user("larder_loads_total", all), 2.0);
    assert_eq!(of_user("larder_load_failures_total", all), 1.0);
    assert_eq!(of_user("larder_stores_total", ("tier", "memory")), 1.0);
    let direct = [all, ("function", "direct"), ("tier", "memory")];
    assert_eq!(number(&scrape, "larder_stores_total", &direct), 1.0);
    assert_eq!(number(&scrape, "larder_evictions_total", &[all, ("cause", "key")]), 1.0);
    assert_eq!(number(&scrape, "larder_removals_total", &[all]), 1.0);
    assert_eq!(number(&scrape, "larder_memory_entries", &[all]), 1.0);
    assert_eq!(number(&scrape, "larder_bus_connected", &[all]), 1.0);
    assert_eq!(number(&scrape, "larder_breaker_open", &[all]), 0.0);
    let loads = sample(&scrape, "larder_load_duration_seconds", &[("function", &function)]);
    let Value::Histogram(buckets) = &loads.value else { panic!("{loads:?}") };
    assert_eq!(buckets.iter().map(|bucket| bucket.count).fold(0.0, f64::max), 2.0);
    assert!(text.contains("# TYPE larder_requests_total counter"), "{text}");
    assert!(text.contains("# HELP larder_requests_total Reads by what answered them"), "{text}");
    for secret in ["s3cret", "v4lue"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Every label has few values, whatever the arguments are.
#[test]
fn the_number_of_series_does_not_grow_with_keys() {
    let series = |calls: u64| {
        let handle = recorded(async || {
            let cache = Cache::builder().build().unwrap();
            for id in 0..calls {
                user(&cache, id).await.ok();
            }
            cache.publish_metrics();
        });
        scrape(&handle).1.samples.len()
    };
    assert_eq!(series(2), series(200));
}

#[test]
fn names_follow_the_conventions() {
    let handle = recorded(async || {
        let cache = Cache::builder().build().unwrap();
        user(&cache, 7).await.unwrap();
        cache.publish_metrics();
    });
    let mut kinds: BTreeMap<String, &str> = BTreeMap::new();
    for sample in scrape(&handle).1.samples {
        let kind = match sample.value {
            Value::Counter(_) => "counter",
            Value::Gauge(_) => "gauge",
            _ => "other",
        };
        let part =
            |part: &str| sample.metric.strip_suffix(part).filter(|name| name.ends_with("_seconds"));
        let name = part("_sum").or_else(|| part("_count")).unwrap_or(&sample.metric);
        let kind = if name == sample.metric { kind } else { "other" };
        kinds.insert(name.to_owned(), kind);
        let known = ["cache", "function", "result", "tier", "reason", "cause", "le"];
        assert!(sample.labels.keys().all(|label| known.contains(&&**label)), "{sample:?}");
        assert!(sample.metric.starts_with("larder_"), "{sample:?}");
    }
    for (name, kind) in &kinds {
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name} is a {kind}");
    }
    // The page with the list names all metrics and no others.
    let page = include_str!("../../docs/monitoring.md");
    for name in kinds.keys() {
        assert!(page.contains(&format!("`{name}`")), "{name} is missing in docs/monitoring.md");
    }
    let named = page
        .split('`')
        .filter(|word| word.starts_with("larder_") && !word.contains(['*', '{', ' ']));
    for name in named {
        assert!(kinds.contains_key(name), "docs/monitoring.md has {name}, which is not published");
    }
    // The dashboard and the alerts ask for metrics that exist.
    let dashboard = include_str!("../../docs/monitoring/grafana.json");
    serde_json::from_str::<serde_json::Value>(dashboard).unwrap();
    for text in [dashboard, include_str!("../../docs/monitoring/alerts.yml")] {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let asked: Vec<_> = words.filter(|word| word.starts_with("larder_")).collect();
        assert!(asked.len() > 8, "{asked:?}");
        for name in asked {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(kinds.contains_key(name), "{name} is not published");
        }
    }
}

#[test]
fn a_schedule_publishes_until_it_is_dropped() {
    let handle = recorded(async || {
        let clock = Clock::manual();
        let cache = Cache::builder().name("pushed").clock(clock.clone()).build().unwrap();
        let schedule = cache.publish_metrics_every(Duration::from_secs(10)).unwrap();
        cache.insert("k", 1_u64).await.unwrap();
        clock.advance(Duration::from_secs(10));
        crate::origin::turns().await;
        drop(schedule);
        cache.insert("k", 2_u64).await.unwrap();
        clock.advance(Duration::from_secs(10));
        crate::origin::turns().await;
        let refused = cache.publish_metrics_every(Duration::ZERO);
        assert!(matches!(refused, Err(Error::Config { field: "interval", .. })), "{refused:?}");
    });
    let labels = [("cache", "pushed"), ("tier", "memory")];
    assert_eq!(number(&scrape(&handle).1, "larder_stores_total", &labels), 1.0);
}

#[test]
fn an_outage_is_published() {
    let store = crate::gated::Gated::new();
    let scraped = |down: bool| {
        let handle = recorded(async || {
            let clock = Clock::manual();
            let cache = store.cache(&clock);
            store.set_down(down);
            for _ in 0..4 {
                cache.remove("k").await.ok();
            }
            cache.publish_metrics();
            store.set_down(false);
        });
        let scrape = scrape(&handle).1;
        ["larder_remote_up", "larder_breaker_open", "larder_pending_evictions"]
            .map(|name| number(&scrape, name, &[]))
    };
    assert_eq!(scraped(false), [1.0, 0.0, 0.0]);
    assert_eq!(scraped(true), [0.0, 1.0, 1.0]);
}

/// The exporter escapes labels, and unusual characters in names survive.
#[test]
fn names_of_caches_may_hold_anything() {
    let names = ["a\"b", "back\\slash", "new\nline", "\u{fc}", " "];
    let handle = recorded(async || {
        for name in names {
            Cache::builder().name(name).build().unwrap().publish_metrics();
        }
    });
    let scrape = scrape(&handle).1;
    for escaped in ["a\\\"b", "back\\\\slash", "new\\nline", "\u{fc}", " "] {
        assert_eq!(number(&scrape, "larder_memory_entries", &[("cache", escaped)]), 0.0);
    }
}
