use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> Result<String, std::fmt::Error> {
    Ok(id.to_string())
}

#[cache_put(get(id))]
async fn save(id: u64) -> Result<u64, std::fmt::Error> {
    Ok(id)
}

fn main() {}
