use larder::cached;

#[derive(Clone, Debug)]
struct DbError;

#[cached(ttl = "5m", on_error = "fail")]
async fn get(id: u64) -> Result<u64, DbError> {
    Ok(id)
}

#[cached(ttl = "5m", on_error = "fail")]
async fn count(id: u64) -> u64 {
    id
}

fn main() {}
