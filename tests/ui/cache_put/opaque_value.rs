use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_put(get(id), before)]
async fn before(id: u64) -> u64 {
    id
}

#[cache_put(get(id))]
fn opaque(id: u64) -> impl Copy {
    id
}

fn main() {}
