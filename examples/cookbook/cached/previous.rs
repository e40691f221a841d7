//! `previous`: the body sees the value that it replaces, and returns it if the origin says "not modified".

use std::time::Duration;

use larder::{cached, testing::Kit};

#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Page {
    etag: String,
    text: String,
}

/// The page, or `None` if this version is the current one.
async fn fetch(etag: Option<&str>) -> Option<Page> {
    println!("    fetch, if not {etag:?}");
    (etag != Some("v1")).then(|| Page { etag: "v1".to_owned(), text: "Hello".to_owned() })
}

// The window keeps the value for the next load.
#[cached(ttl = "1m", stale_if_error = "1d", previous = old)]
async fn page(name: &str) -> Result<Page, String> {
    let new = fetch(old.as_ref().map(|old| &*old.etag)).await;
    new.or(old).ok_or_else(|| format!("there is no page {name}"))
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let first = page("home").await?;
    kit.advance(Duration::from_secs(120));
    assert!(page("home").await? == first);
    assert!(page("home").peek().await?.is_some(), "fresh for another minute");
    kit.expect().loads(2);
    Ok(())
}
