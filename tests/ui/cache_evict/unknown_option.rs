use larder::cache_evict;

#[cache_evict(kye = "user:{id}")]
async fn misspelt(id: u64) {
    let _ = id;
}

#[cache_evict(all, ttl = "5m")]
async fn of_cached(id: u64) {
    let _ = id;
}

#[cache_evict(al)]
async fn flag(id: u64) {
    let _ = id;
}

fn main() {}
