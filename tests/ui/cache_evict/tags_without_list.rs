use larder::cache_evict;

#[cache_evict(tags = "users")]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
