use larder::cached;

#[cached(ttl = "5m", stale_if_error = "1m", early_refresh, soft_timeout = "1s", hard_timeout = "2s")]
fn get(id: u64) -> u64 {
    id
}

fn main() {}
