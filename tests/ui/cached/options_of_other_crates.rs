//! Option names of other crates.
use larder::cached;

#[cached(ttl_secs = 60, max_size = 100)]
async fn bounded(id: u64) -> u64 {
    id
}

#[cached(time = 60, sync_writes = true)]
async fn older(id: u64) -> u64 {
    id
}

#[cached(ttl = "1m", refresh)]
async fn refreshed(id: u64) -> u64 {
    id
}

#[cached(ttl = "1m", convert = { id })]
async fn converted(id: u64) -> u64 {
    id
}

fn main() {}
