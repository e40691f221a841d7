use larder::{Error, cached};

#[cached(on_error = "fail")]
fn of_a_sync_function(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[cached(on_error = "fail", local)]
async fn of_memory_only(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[cached(on_error = "fails")]
async fn unknown(id: u64) -> Result<u64, Error> {
    Ok(id)
}

fn main() {}
