//! `invalidate_on`: types of events that evict the entries. Whoever emits the event need not know the functions.

use larder::{cached, testing::Kit};

struct PriceChanged;

#[cached(ttl = "1m", invalidate_on = [PriceChanged])]
async fn cheapest() -> u64 {
    99
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    cheapest().await;
    kit.cache().emit(&PriceChanged).await?;
    assert!(cheapest().peek().await?.is_none());
    println!("    the event has evicted the value");
    Ok(())
}
