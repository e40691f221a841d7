//! The figures, their JSON, and the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use larder::backend::MemoryBackend;
use larder::dashboard::Dashboard;
use larder::{Cache, cached};
use serde_json::Value;

use crate::support::{get, open};

#[cached(key = "user:{id}", cache = cache, skip(cache))]
async fn user(cache: &Cache, id: u64) -> Result<u64, String> {
    if id == 13 { Err("unlucky".to_owned()) } else { Ok(id) }
}

/// One line for each field, with its type; of a list, the fields of its first item.
fn shape(value: &Value, path: &str, lines: &mut String) {
    let kind = match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), lines));
            return;
        }
        Value::Array(items) => match items.first() {
            Some(first) => return shape(first, &format!("{path}[]"), lines),
            None => "[]",
        },
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
    };
    let _ = writeln!(lines, "{path}: {kind}");
}

/// `UPDATE_EXPECT=1` writes the file.
#[tokio::test]
async fn the_shape_of_the_json_is_written_down() {
    let cache = Cache::builder().namespace("shop").remote(MemoryBackend::new()).build().unwrap();
    for id in [1, 1, 2, 13] {
        let _ = user(&cache, id).await;
    }
    let router = open(&[&cache]).interval(Duration::ZERO).router::<()>();
    let mut lines = String::new();
    for path in ["/api/caches", "/api/settings"] {
        shape(&get(&router, path).await.json(), path, &mut lines);
    }
    // Rows come with the second record.
    let mut history = Value::Null;
    while history["caches"][0]["rows"][0].is_null() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        history = get(&router, "/api/history").await.json();
    }
    for column in history["columns"].as_array().unwrap() {
        let _ = writeln!(lines, "/api/history.columns[]: {column}");
    }
    history["columns"].take();
    shape(&history, "/api/history", &mut lines);

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dashboard/shape.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(file, &lines).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(file).unwrap());
}

#[tokio::test]
async fn several_caches_are_shown_with_their_functions() {
    let shop = Cache::builder().namespace("shop").build().unwrap();
    let sessions =
        Cache::builder().name("sessions").remote(MemoryBackend::new()).no_memory().build().unwrap();
    let twice = Cache::builder().name("sessions").build().unwrap();
    for id in [1, 1, 2, 13] {
        let _ = user(&shop, id).await;
    }
    let router = open(&[&shop, &sessions, &twice]).router::<()>();
    let figures = get(&router, "/api/caches").await.json();
    let [first, second] = &figures["caches"].as_array().unwrap()[..] else { panic!("{figures}") };
    assert_eq!(
        (&first["name"], &first["label"], &first["namespace"]),
        (&Value::Null, &"default".into(), &"shop".into())
    );
    assert_eq!((&second["name"], &second["stats"]["requests"]), (&"sessions".into(), &0.into()));
    assert!(second["health"]["memory"].is_null() && first["health"]["remote"].is_null());
    let function = &first["functions"][0];
    assert!(function["function"].as_str().unwrap().ends_with("::figures::user"), "{function}");
    assert_eq!(
        (&function["requests"], &function["hits"], &function["load_failures"]),
        (&4.into(), &1.into(), &1.into())
    );
    assert_eq!(figures["total"]["requests"], 4);
    assert!(first["stats"]["load_time"].get("buckets").is_none());
}

#[tokio::test]
async fn figures_are_recorded_until_the_router_is_dropped() {
    let cache = Cache::builder().build().unwrap();
    let counted = std::sync::Arc::new(());
    let held = (cache.clone(), std::sync::Arc::clone(&counted));
    let router: Router = Dashboard::new()
        .caches(move || {
            let (cache, _) = &held;
            vec![cache.clone()]
        })
        .authorize(|_, _| async { true })
        .interval(Duration::ZERO)
        .router();
    let record = async |after: u64| loop {
        let told = get(&router, &format!("/api/history?after={after}")).await.json();
        if let Some(row) = told["caches"][0]["rows"].as_array().and_then(|rows| rows.first()) {
            return (row.clone(), told);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let (row, told) = record(0).await;
    let columns = told["columns"].as_array().unwrap();
    assert_eq!(columns.len(), row.as_array().unwrap().len());
    let round = told["round"].as_u64().unwrap();
    for _ in 0..3 {
        let _ = user(&cache, 7).await;
    }
    // Each read is in one record.
    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let (mut after, mut counts) = (round, [0, 0]);
    while counts != [2, 1] {
        let (_, told) = record(after).await;
        for row in told["caches"][0]["rows"].as_array().unwrap() {
            counts[0] += row[column("memory_hits")].as_u64().unwrap();
            counts[1] += row[column("misses")].as_u64().unwrap();
        }
        after = told["round"].as_u64().unwrap();
        assert!(counts[0] <= 2 && counts[1] <= 1, "{counts:?}");
    }
    // A number of another process: all records.
    let told = get(&router, &format!("/api/history?after={}", u64::MAX)).await.json();
    assert!(told["caches"][0]["rows"].as_array().unwrap().len() > 1);

    drop(router);
    while std::sync::Arc::strong_count(&counted) > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_page_is_one_file_that_allows_nothing_else() {
    let router: Router = Dashboard::new().authorize(|_, _| async { true }).router();
    let page = get(&router, "/").await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "script-src 'sha256-",
        "style-src 'sha256-",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), value);
    }
    let text = &page.text;
    assert!(text.is_ascii() || text.contains("<meta charset=\"utf-8\">"));
    assert_eq!((text.matches("<script").count(), text.matches("</script").count()), (1, 1));
    assert_eq!((text.matches("<style").count(), text.matches("</style").count()), (1, 1));
    // Nothing is fetched, no text becomes markup, and no handler is in an attribute.
    for outside in [
        "http://",
        "https://",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        " onclick",
        " onload",
        "style=\"",
    ] {
        let found: BTreeSet<&str> = text
            .lines()
            .filter(|line| line.contains(outside) && !line.contains("www.w3.org/2000/svg"))
            .collect();
        assert!(found.is_empty(), "{outside}: {found:?}");
    }
}
