use larder::cached;

#[cached(ttl = "5m")]
struct User {
    id: u64,
}

fn main() {
    let _ = User { id: 1 }.id;
}
