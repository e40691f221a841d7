use larder::{cache_evict, cached};

#[cached]
async fn get(id: String) -> String {
    id
}

#[cache_evict(get(id))]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
