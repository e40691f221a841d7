//! An error in the body is reported where it is.
use larder::cached;

#[cached]
async fn get(id: u64) -> bool {
    id
}

#[cached]
fn square(n: u64) -> u64 {
    n.squared()
}

fn main() {}
