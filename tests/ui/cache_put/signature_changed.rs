use larder::{cache_put, cached};

#[cached]
async fn get(id: u64, language: &str) -> String {
    format!("{id} {language}")
}

#[cache_put(get(id))]
async fn save(id: u64) -> String {
    id.to_string()
}

fn main() {}
