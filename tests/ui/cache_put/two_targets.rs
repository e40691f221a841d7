use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cached]
async fn load(id: u64) -> u64 {
    id
}

#[cache_put(get(id), load(id))]
async fn save(id: u64) -> u64 {
    id
}

fn main() {}
