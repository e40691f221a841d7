use larder::{cache_evict, cached};

#[cached]
fn fib(n: u64) -> u64 {
    n
}

#[cache_evict(fib(..))]
fn change() {}

fn main() {
    fib(1);
}
