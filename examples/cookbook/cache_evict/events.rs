//! `events`: entries of the functions that name an event in `invalidate_on`.

use larder::{cache_evict, cached, testing::Kit};

struct PriceChanged;

#[cached(ttl = "1m", invalidate_on = [PriceChanged])]
async fn cheapest() -> u64 {
    99
}

#[cache_evict(events = [PriceChanged])]
async fn set_price(id: u64, cents: u64) {
    println!("    product {id} costs {cents}");
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    cheapest().await;
    set_price(7, 98).await;
    assert!(cheapest().peek().await?.is_none());
    Ok(())
}
