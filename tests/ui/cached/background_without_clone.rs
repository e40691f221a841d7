use std::time::Duration;

use larder::{Policy, cached};

struct Db;

#[cached(ttl = "5m", stale = "1m", skip(db))]
async fn get(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

const STALE: Policy = Policy::new().ttl(Duration::from_secs(60)).stale(Duration::from_secs(60));

#[cached(policy = STALE, skip(db))]
async fn of_a_policy(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {}
