//! `on_error`: what happens if the cache itself fails. `"bypass"` (the default): the function loads, and its caller notices
//! nothing. `"fail"`: the function returns the error, which must be `From<larder::Error>`.

use larder::backend::MemoryBackend;
use larder::testing::{Faulty, Kit};
use larder::{Cache, cached};

#[cached(ttl = "1m")]
async fn answers(id: u64) -> Result<u64, larder::SharedError> {
    Ok(id)
}

#[cached(ttl = "1m", on_error = "fail")]
async fn fails(id: u64) -> Result<u64, larder::Error> {
    Ok(id)
}

pub(crate) async fn run(_kit: &Kit) -> crate::Done {
    let store = Faulty::new(MemoryBackend::new());
    Cache::builder().remote(store.clone()).build()?.install();
    store.faults().set_down(true);
    assert_eq!(answers(7).await.ok(), Some(7));
    let error = fails(7).await.err();
    println!("    {}", error.map_or_else(String::new, |error| error.to_string()));
    Ok(())
}
