//! `value`: another value than the output, here for a mutator that returns nothing.

use larder::{cache_put, cached, testing::Kit};

#[cached(ttl = "1m", key = "email:{id}")]
async fn email(id: u64) -> Result<Option<String>, String> {
    Err(format!("there is no user {id}"))
}

#[cache_put(email(id), value = (!new.is_empty()).then_some(new))]
async fn set_email(id: u64, new: String) -> Result<(), String> {
    println!("    user {id} gets {new:?}");
    Ok(())
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    set_email(7, "ada@example.org".to_owned()).await?;
    assert_eq!(email(7).await?.as_deref(), Some("ada@example.org"));
    set_email(7, String::new()).await?;
    assert_eq!(email(7).await?, None);
    kit.expect().loads(0).hits(2);
    Ok(())
}
