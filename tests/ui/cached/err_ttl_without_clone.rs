use larder::cached;

struct Failed;

#[cached(err_ttl = "1s")]
async fn get(id: u64) -> Result<u64, Failed> {
    Ok(id)
}

#[cached(err_ttl = "1s")]
async fn without_errors(id: u64) -> u64 {
    id
}

fn main() {}
