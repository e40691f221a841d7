use larder::cache_evict;

#[cache_evict(pattern = "user:?:*")]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
