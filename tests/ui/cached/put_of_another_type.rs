use larder::cached;

#[cached]
async fn get(id: u64) -> Result<String, std::fmt::Error> {
    Ok(id.to_string())
}

async fn write() {
    let _ = get(7).put(7_u64).await;
    let _ = get(7).ttl(true).await;
}

fn main() {
    drop(write());
}

