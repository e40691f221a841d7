use larder::cache_evict;

async fn get(id: u64) -> u64 {
    id
}

#[cache_evict(get(id))]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
