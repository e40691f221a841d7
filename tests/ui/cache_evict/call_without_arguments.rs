use larder::{cache_evict, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_evict(get)]
async fn change(id: u64) {
    let _ = id;
}

fn main() {
    drop(get(1));
}
