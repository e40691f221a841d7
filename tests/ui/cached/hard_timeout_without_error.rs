use larder::cached;

struct Failed;

#[cached(hard_timeout = "1s")]
async fn plain(id: u64) -> u64 {
    id
}

#[cached(hard_timeout = "1s")]
async fn of_another_error(id: u64) -> Result<u64, Failed> {
    Ok(id)
}

fn main() {}
