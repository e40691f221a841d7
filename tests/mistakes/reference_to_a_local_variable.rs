use larder::cached;

#[cached(local)]
async fn get(id: u64) -> Result<u64, &'static str> {
    let name = id.to_string();
    Err(&name)
}

fn main() {
    let _ = get(1);
}
