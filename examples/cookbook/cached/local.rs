//! `local`: memory only. The value then needs no serde: a connection, a parsed template, an `Arc`.

use std::sync::Arc;

use larder::{cached, testing::Kit};

struct Template {
    parts: Vec<String>,
}

#[cached(ttl = "10m", local)]
async fn template(name: &'static str) -> Arc<Template> {
    Arc::new(Template { parts: vec![name.to_owned()] })
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let (one, two) = (template("home").await, template("home").await);
    assert!(Arc::ptr_eq(&one, &two));
    println!("    both calls got the same template of {} part", one.parts.len());
    kit.expect().loads(1);
    Ok(())
}
