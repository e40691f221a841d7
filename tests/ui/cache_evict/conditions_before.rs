use larder::cache_evict;

#[cache_evict(key = "user:{id}", on = "ok", when = result.is_ok(), before)]
async fn update(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
