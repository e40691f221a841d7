use larder::cache_evict;

#[cache_evict]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
