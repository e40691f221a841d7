use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_put(get(id).await)]
async fn save(id: u64) -> u64 {
    id
}

fn main() {}
