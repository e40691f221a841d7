//! `key`: the whole key, as a template. It must mention every argument that is not skipped.

use larder::{cached, testing::Kit};

#[derive(Clone)]
struct Request {
    user: u64,
}

#[cached(ttl = "1m", key = "orders:{request.user}:{page}")]
async fn orders(request: Request, page: u32) -> Vec<String> {
    vec![format!("order of {} on page {page}", request.user)]
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    orders(Request { user: 7 }, 1).await;
    println!("    {:?}", kit.cache().get::<Vec<String>>("orders:7:1").await?);
    assert_eq!(orders(Request { user: 7 }, 1).cache_key()?.to_string(), "orders:7:1");
    Ok(())
}
