use std::borrow::Cow;
use std::collections::HashMap;

use larder::cached;

#[cached(ttl = "5m", stale = "1m")]
async fn get(text: Cow<'_, str>, names: HashMap<&str, u64>, deep: Option<&[&str]>) -> usize {
    text.len() + names.len() + deep.map_or(0, <[_]>::len)
}

fn main() {}
