use larder::cached;

#[cached]
async fn get(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {
    let _ = get(1).unwrap();
}
