//! `crate`: the path to larder, for macros and crates that export it under another name.

use larder::{cached, testing::Kit};

mod toolkit {
    pub(crate) use larder;
}

#[cached(ttl = "1m", key = "name:{id}")]
async fn name(id: u64) -> Result<String, String> {
    Err(format!("there is no user {id}"))
}

#[toolkit::larder::cache_put(name(id), crate = toolkit::larder)]
async fn rename(id: u64, new: String) -> Result<String, String> {
    println!("    user {id} is now called {new}");
    Ok(new)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    rename(7, "Ada".to_owned()).await?;
    assert_eq!(name(7).await?, "Ada");
    kit.expect().loads(0).hits(1);
    Ok(())
}
