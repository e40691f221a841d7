use larder::{cache_put, cached};

#[cached]
async fn get(id: u64) -> Result<bool, std::fmt::Error> {
    Ok(id > 0)
}

#[cache_put(get(id))]
async fn save(id: u64) -> Result<u64, std::fmt::Error> {
    Ok(id)
}

fn main() {}
