//! `crate`: the path to larder, for macros and crates that export it under another name.

use larder::testing::Kit;

mod toolkit {
    pub(crate) use larder;
}

#[toolkit::larder::cached(ttl = "1m", crate = toolkit::larder)]
async fn answer() -> u64 {
    42
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    answer().await;
    answer().await;
    kit.expect().loads(1).hits(1);
    println!("    the expansion uses `toolkit::larder`");
    Ok(())
}
