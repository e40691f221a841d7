use larder::call;

fn square(n: u64) -> u64 {
    n * n
}

fn main() {
    let _ = call!(square(3));
}

