use larder::{cache_evict, cache_put, cached, call};

#[cached(ttl = "5")]
async fn get(id: u64) -> u64 {
    id
}

#[cached(key = "square:{n}:{m}")]
fn square(n: u64) -> u64 {
    n * n
}

// Uses of functions with an error cause no further errors.

#[cache_evict(get(id), call!(square(id)))]
async fn change(id: u64) {
    let _ = id;
}

#[cache_put(get(id))]
async fn save(id: u64) -> u64 {
    id
}

async fn uses() {
    let _ = get(1).refresh().await;
    let _ = call!(square(3)).evict().await;
    change(1).await;
    save(1).await;
}

fn main() {
    drop(uses());
}
