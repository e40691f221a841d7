//! `key_with`: a text instead of the arguments, for values that are the same for different arguments.

use larder::{cached, testing::Kit};

fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cached(ttl = "1m", key_with = normal(&text))]
async fn search(text: String) -> Vec<String> {
    vec![normal(&text)]
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for text in ["Ada", " ada", "ADA "] {
        search(text.to_owned()).await;
    }
    kit.expect().loads(1).hits(2);
    println!("    three spellings, one entry");
    Ok(())
}
