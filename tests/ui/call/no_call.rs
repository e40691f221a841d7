use larder::{cached, call};

#[cached]
fn square(n: u64) -> u64 {
    n * n
}

fn main() {
    let _ = square(3);
    let _ = call!(square + 1);
}
