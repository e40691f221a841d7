use larder::{cache_evict, cached};

#[cached]
async fn get(id: u64, language: &str) -> String {
    format!("{id} {language}")
}

#[cache_evict(get(id))]
async fn change(id: u64) {
    let _ = id;
}

fn main() {}
