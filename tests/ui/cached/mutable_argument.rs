//! A hit does not run the body, so it does not change what an argument borrows.
use larder::cached;

#[cached(ttl = "5m")]
async fn push(ids: &mut Vec<u64>, id: u64) -> usize {
    ids.push(id);
    ids.len()
}

fn main() {}
