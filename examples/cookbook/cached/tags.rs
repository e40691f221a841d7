//! `tags`: names that evict entries together, however many there are. A tag is a template or a constant.

use larder::{cache_evict, cached, testing::Kit};

const POSTS: &str = "posts";

#[cached(ttl = "1m", tags = [POSTS, "author:{author}"])]
async fn posts(author: u64, page: u32) -> Vec<String> {
    vec![format!("a post by {author} on page {page}")]
}

#[cache_evict(tags = ["author:{author}"])]
async fn publish(author: u64) {
    println!("    author {author} publishes");
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for (author, page) in [(1, 1), (1, 2), (2, 1)] {
        posts(author, page).await;
    }
    publish(1).await;
    assert!(posts(1, 1).peek().await?.is_none() && posts(1, 2).peek().await?.is_none());
    assert!(posts(2, 1).peek().await?.is_some());
    kit.cache().evict_tag(POSTS).await?;
    assert!(posts(2, 1).peek().await?.is_none());
    Ok(())
}
