use larder::{cached, cached_impl};

struct Users;

#[cached_impl(tll = "5m", key = "user:{id}", ttl = "1m", ttl = "2m", "users")]
impl Users {
    #[cached(key = "user:{id}", skip(self))]
    async fn get(&self, id: u64) -> u64 {
        id
    }
}

#[cached_impl]
impl Users {
    #[cached(key = "user:{id}", skip(self))]
    async fn again(&self, id: u64) -> u64 {
        id
    }
}

#[cached_impl(ttl = "5m")]
impl Users {
    async fn not_cached(&self, id: u64) -> u64 {
        id
    }
}

#[cached_impl(ttl = "5m")]
struct Other;

fn main() {
    drop(Users.get(1));
    drop(Users.again(1));
    drop(Users.not_cached(1));
}
