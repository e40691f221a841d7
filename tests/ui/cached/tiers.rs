use std::time::Duration;

use larder::{Policy, Tiers, cached};

#[cached(tiers = "redis")]
async fn unknown_tier(id: u64) -> u64 {
    id
}

#[cached(access = "readonly")]
async fn unknown_access(id: u64) -> u64 {
    id
}

#[cached(tiers = "remote", local)]
async fn no_tier(id: u64) -> u64 {
    id
}

#[cached(tiers = "remote", ttl = "1m", memory_ttl = "1s")]
async fn nothing_in_memory(id: u64) -> u64 {
    id
}

const SHORT: Policy = Policy::new().memory_ttl(Duration::from_secs(1));
const REMOTE: Policy = SHORT.tiers(Tiers::Remote);

#[cached(policy = REMOTE)]
async fn nothing_in_memory_by_its_policy(id: u64) -> u64 {
    id
}

fn main() {}
