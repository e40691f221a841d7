//! `access`: whether this call reads and stores the cached value.

use larder::{Access, cached, testing::Kit};

#[cached(ttl = "1m")]
async fn price(article: u64) -> u64 {
    article
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    price(7).access(Access::ReadOnly).await;
    assert_eq!(price(7).peek().await?, None);
    println!("    a read-only call stored nothing");
    price(7).await;
    price(7).access(Access::WriteOnly).await;
    kit.expect().loads(3);
    Ok(())
}
