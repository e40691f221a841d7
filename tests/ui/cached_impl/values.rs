use larder::{cached, cached_impl};

struct Users;

// A mistake in a default is shown at the default, once for each method that takes it.
#[cached_impl(ttl = "5 minuts", stale = "1h", tags = ["of:{team}"])]
impl Users {
    #[cached(key = "user:{id}", ttl = "1m", skip(self))]
    async fn get(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "size:{team}", skip(self))]
    async fn size(&self, team: u64) -> u64 {
        team
    }
}

fn main() {
    drop(Users.get(1));
    drop(Users.size(1));
}
