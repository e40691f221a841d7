use larder::{cache_evict, cached};

#[cached]
fn get(id: u64) -> u64 {
    id
}

#[cache_evict(get(id))]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
