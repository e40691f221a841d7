//! `.traced()`: the value, where it came from, and its age.

use larder::{Source, cached, testing::Kit};

#[cached(ttl = "1m", key = "user:{id}")]
async fn user(id: u64) -> String {
    format!("user {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    assert_eq!(user(7).traced().await.source, Source::Loaded);
    kit.advance(std::time::Duration::from_secs(10));
    let answer = user(7).traced().await;
    println!("    {:?}, {:?} old", answer.source, answer.age);
    assert_eq!(answer.source, Source::Memory);
    Ok(())
}
