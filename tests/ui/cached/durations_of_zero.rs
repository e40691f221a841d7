use larder::cached;

#[cached(ttl = 0, tti = "0s", stale = 0, stale_if_error = 0, throttle = "0ms")]
async fn windows(id: u64) -> u64 {
    id
}

#[cached(ttl = 5, stale = 5, soft_timeout = 0, hard_timeout = 0, err_ttl = 0, lease = 0)]
async fn limits(id: u64) -> Result<Option<u64>, String> {
    Ok(Some(id))
}

fn main() {}
