use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_put(get(..))]
async fn change(id: u64) -> u64 {
    id
}

fn main() {
    drop(get(1));
}
