use larder::cache_evict;

#[cache_evict(key = "user:{idd}", on = "err", when = |result| true)]
async fn update(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
