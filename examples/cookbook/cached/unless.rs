//! `unless`: does not store a value if a condition is true.

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", unless = Vec::is_empty)]
async fn search(text: String) -> Vec<String> {
    ["Ada", "Grace"].into_iter().filter(|name| name.contains(&text)).map(str::to_owned).collect()
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for text in ["Ada", "Ada", "Zoe", "Zoe"] {
        search(text.to_owned()).await;
    }
    kit.expect().hits(1).loads(3);
    println!("    an empty result is not stored");
    Ok(())
}
