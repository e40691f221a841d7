//! `none_ttl`: how long `None` is kept: shorter than a value, because the record may soon exist. `0`: not at all.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[cached(ttl = "1h", none_ttl = "5s")]
async fn user(id: u64) -> Option<String> {
    (id < 100).then(|| format!("user {id}"))
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    assert_eq!((user(1).await, user(500).await), (Some("user 1".to_owned()), None));
    kit.advance(Duration::from_secs(6));
    assert_eq!((user(1).await, user(500).await), (Some("user 1".to_owned()), None));
    kit.expect().loads(3);
    println!("    only the user that does not exist was looked up again");
    Ok(())
}
