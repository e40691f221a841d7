use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> u64 {
    id
}

#[cache_put]
async fn nothing(id: u64) -> u64 {
    id
}

#[cache_put(get)]
async fn name_only(id: u64) -> u64 {
    id
}

#[cache_put(on = "ok")]
async fn condition_only(id: u64) -> u64 {
    id
}

fn main() {
    drop(get(7));
}
