//! Functions that cannot be cached.

use larder::cached;

#[cached]
const fn constant(n: u64) -> u64 {
    n
}

#[cached]
extern "C" fn foreign(n: u64) -> u64 {
    n
}

#[cached(key = "{n}")]
unsafe fn unchecked(n: u64) -> u64 {
    n
}

#[cached]
async fn nothing(n: u64) {
    let _ = n;
}

#[cached]
fn nothing_later(n: u64) -> impl Future<Output = ()> {
    std::future::ready(drop(n))
}

fn main() {}
