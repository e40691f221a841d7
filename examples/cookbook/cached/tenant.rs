//! `tenant`: the entries of a tenant, which the arguments name. Scopes (`with_tenant`) do the same for all code in them.

use larder::{cached, testing::Kit, with_tenant};

struct Context {
    tenant: String,
}

#[cached(ttl = "1m", key = "plan", tenant = ctx.tenant, skip(ctx))]
async fn plan(ctx: &Context) -> String {
    format!("the plan of {}", ctx.tenant)
}

#[cached(ttl = "1m", key = "price:{id}")]
async fn price(id: u64) -> u64 {
    id * 100
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    let [acme, umbrella] = ["acme", "umbrella"].map(|name| Context { tenant: name.to_owned() });
    println!("    {} and {}", plan(&acme).await, plan(&umbrella).await);
    with_tenant("acme", async { price(7).await }).await;
    assert_eq!(kit.cache().keys("*").await?, ["@acme/plan", "@acme/price:7", "@umbrella/plan"]);
    Ok(())
}
