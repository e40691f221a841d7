//! `key`: a property of an instance, distinguished by a field.

use larder::{cached_property, testing::Kit};

#[derive(Clone)]
struct Team {
    id: u64,
}

impl Team {
    #[cached_property(ttl = "1m", key = "team:{self.id}:size")]
    async fn size(&self) -> u64 {
        self.id * 10
    }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let team = Team { id: 7 };
    println!("    {} and {}", team.size().await, Team { id: 7 }.size().await);
    kit.expect().loads(1).hits(1);
    Ok(())
}
