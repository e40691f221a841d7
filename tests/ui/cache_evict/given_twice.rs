use larder::cache_evict;

#[cache_evict(key = "user:{id}", key = "person:{id}")]
async fn keys(id: u64) {
    let _ = id;
}

#[cache_evict(all = true, before = true)]
async fn flags(id: u64) {
    let _ = id;
}

fn main() {}
