use larder::cached;

#[cached]
async fn get(a: &str, b: &str) -> Result<u64, &str> {
    if a == b { Ok(1) } else { Err(a) }
}

fn main() {}
