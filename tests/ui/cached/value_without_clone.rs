use larder::cached;

struct User;

#[cached(local)]
async fn get(id: u64) -> User {
    let _ = id;
    User
}

fn main() {}
