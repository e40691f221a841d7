//! `key_with`: a text that distinguishes the instances, after the function's path.

use larder::{cached_property, testing::Kit};

#[derive(Clone)]
struct Team {
    id: u64,
}

impl Team {
    #[cached_property(ttl = "1m", key_with = self.id)]
    async fn size(&self) -> u64 {
        self.id * 10
    }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    Team { id: 7 }.size().await;
    Team { id: 7 }.size().await;
    println!("    {}", Team { id: 7 }.size().cache_key()?);
    kit.expect().loads(1).hits(1);
    Ok(())
}
