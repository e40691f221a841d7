use larder::cached;

#[cached(ttl = "5m", stale_if_error = "1h", soft_timeout = "2s", hard_timeout = "500ms")]
async fn get(id: u64) -> Result<u64, larder::TimedOut> {
    Ok(id)
}

fn main() {}
