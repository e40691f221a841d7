use larder::{cache_evict, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_evict(get(result), before)]
async fn create() -> u64 {
    7
}

fn main() {}
