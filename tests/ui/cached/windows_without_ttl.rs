use larder::cached;

#[cached(stale_if_error = "1m", jitter = 0.1, early_refresh)]
async fn without(id: u64) -> u64 {
    id
}

#[cached(ttl = "never", stale = "1m")]
async fn never(id: u64) -> u64 {
    id
}

fn main() {}
