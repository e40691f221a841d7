use larder::cached;

#[cached(ttl = "5m", none_ttl = "30s")]
async fn get(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
