//! `policy`: options that several functions share, checked when the program is compiled. Other options override it.

use std::time::Duration;

use larder::{Policy, cached, testing::Kit};

const PEOPLE: Policy = Policy::new()
    .ttl(Duration::from_secs(300))
    .stale_if_error(Duration::from_secs(3_600))
    .tags(&["people"]);

#[cached(policy = PEOPLE)]
async fn name(id: u64) -> Result<String, String> {
    Ok(format!("user {id}"))
}

#[cached(policy = PEOPLE, ttl = "1h")]
async fn count() -> Result<u64, String> {
    Ok(100)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    name(7).await?;
    count().await?;
    kit.advance(Duration::from_secs(600));
    name(7).await?;
    count().await?;
    kit.expect().loads(3).hits(1);
    kit.cache().evict_tag("people").await?;
    assert_eq!((name(7).peek().await?, count().peek().await?), (None, None));
    println!("    the count has a ttl of its own, and the tag of the policy");
    Ok(())
}
