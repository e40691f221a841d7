use larder::cached;

#[derive(Clone)]
struct User {
    id: u64,
}

#[cached(key = "user:{user.idd}")]
async fn get(user: User) -> u64 {
    user.id
}

fn main() {}
