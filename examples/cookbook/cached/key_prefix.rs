//! `key_prefix`: a text before the key of any kind.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", key_prefix = "site", key = "page:{path}")]
async fn page(path: String) -> String {
    format!("<h1>{path}</h1>")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    page("home".to_owned()).await;
    let evicted = kit.cache().evict_pattern("site:*").await?;
    println!("    evicted {evicted}: {}", page("home".to_owned()).cache_key()?);
    Ok(())
}
