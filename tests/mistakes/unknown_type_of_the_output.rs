use larder::cached;

fn load<T>(_: u64) -> T {
    loop {}
}

#[cached]
async fn get(id: u64) -> User {
    load(id)
}

fn main() {
    let _ = get(1);
}
