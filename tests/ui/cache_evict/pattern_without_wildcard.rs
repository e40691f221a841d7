use larder::cache_evict;

#[cache_evict(pattern = "user:{id}")]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
