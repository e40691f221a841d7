use larder::cache_evict;

#[cache_evict(key = "user:{id}", when = result.ok())]
async fn update(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
