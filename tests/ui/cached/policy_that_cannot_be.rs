use larder::cached;

use larder::Policy;
use std::time::Duration;

const SHARED: Policy = Policy::new().ttl(Duration::from_secs(60)).stale(Duration::from_secs(60));

#[cached(policy = SHARED, ttl = "never")]
async fn without_end(id: u64) -> u64 {
    id
}

#[cached(policy = SHARED.hard_timeout(Duration::from_secs(1)), soft_timeout = "2s")]
fn of_a_sync_function(id: u64) -> u64 {
    id
}

#[cached(policy = SHARED.hard_timeout(Duration::from_secs(1)), soft_timeout = "2s")]
async fn soft_above_hard(id: u64) -> u64 {
    id
}

fn main() {}
