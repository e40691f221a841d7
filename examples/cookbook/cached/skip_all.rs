//! `skip_all`: skips all arguments that the key does not mention.

use larder::{cached, testing::Kit};

struct Database;
struct Settings;

#[cached(ttl = "1m", key = "price:{id}", skip_all)]
async fn price(database: &Database, settings: &Settings, id: u64) -> u64 {
    let (Database, Settings) = (database, settings);
    id * 100
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    price(&Database, &Settings, 7).await;
    println!("    {}", price(&Database, &Settings, 7).cache_key()?);
    kit.expect().loads(1);
    Ok(())
}
