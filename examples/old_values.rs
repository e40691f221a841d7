//! Old values: evicted softly, taken on purpose, served for some errors only, and renewed if the origin says "not modified".
//!
//! ```sh
//! cargo run -p examples --example old_values      # no server needed
//! ```

use std::sync::Mutex;

use larder::{cache_evict, cached, default_cache};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Offer {
    /// The version, which the shop compares with its own.
    etag: u64,
    price: u64,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum ShopError {
    #[error("there is no such offer")]
    Gone,
    #[error("the shop is closed")]
    Closed,
}

/// The shop: its offer, or why there is none. Each request is noted.
struct Shop {
    offer: Result<Offer, ShopError>,
    requests: Vec<String>,
}

static SHOP: Mutex<Shop> = Mutex::new(Shop { offer: Err(ShopError::Closed), requests: Vec::new() });

fn shop<T>(work: impl FnOnce(&mut Shop) -> T) -> T {
    work(&mut SHOP.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Returns the offer, or `None` if the version is the shop's own ("304 Not Modified").
async fn ask(known: Option<u64>) -> Result<Option<Offer>, ShopError> {
    shop(|shop| {
        let offer = shop.offer.clone();
        let modified = offer.as_ref().map_or(true, |offer| known != Some(offer.etag));
        shop.requests.push(format!("asked with {known:?}: modified is {modified}"));
        offer.map(|offer| modified.then_some(offer))
    })
}

/// Kept for a day after its minute, but served then only while the shop is closed.
#[cached(
    key = "offer",
    tags = ["offers"],
    ttl = "1m",
    stale_if_error = "1d",
    stale_if = |error: &ShopError| *error == ShopError::Closed,
    throttle = "1ms",
    err_ttl_with = |error: &ShopError| if *error == ShopError::Gone { "1ms" } else { "0s" },
    previous = old
)]
async fn offer() -> Result<Offer, ShopError> {
    let new = ask(old.as_ref().map(|old| old.etag)).await?;
    new.or(old).ok_or(ShopError::Gone)
}

/// The offers are old from now on, but stay for the time that the shop is closed.
#[cache_evict(tags = ["offers"], soft)]
async fn prices_changed() {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let first = Offer { etag: 1, price: 100 };
    shop(|shop| shop.offer = Ok(first.clone()));
    assert_eq!(offer().await, Ok(first.clone()));

    // The shop has nothing new, so the old value is fresh for another minute.
    prices_changed().await;
    assert_eq!(offer().peek().await?, None);
    assert_eq!(offer().await, Ok(first.clone()));
    assert_eq!(offer().peek().await?, Some(first.clone()));

    // It is closed: the old value is better than none.
    shop(|shop| shop.offer = Err(ShopError::Closed));
    default_cache().mark_tag_stale("offers").await?;
    let served = offer().traced().await;
    println!("closed: {:?} from {:?}", served.value, served.source);
    assert_eq!(served.value, Ok(first.clone()));

    // This caller does not even want to wait.
    default_cache().mark_all_stale().await?;
    assert_eq!(offer().accept_stale().await, Ok(first));

    // The offer is gone: no old value is served instead of this error.
    shop(|shop| shop.offer = Err(ShopError::Gone));
    assert_eq!(offer().await, Err(ShopError::Gone));

    shop(|shop| shop.requests.iter().for_each(|request| println!("{request}")));
    Ok(())
}
