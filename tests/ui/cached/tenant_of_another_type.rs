use larder::{cache_evict, cache_put, cached};

struct Tenant;

struct Context {
    tenant: Tenant,
}

#[cached(key = "plan", tenant = ctx.tenant, skip(ctx))]
async fn plan(ctx: &Context) -> u64 {
    7
}

#[cached(key = "plan:{id}", tenant = id)]
async fn plain(id: Option<u64>) -> u64 {
    7
}

#[cache_evict(all, tenant = ctx.tenant)]
async fn forget(ctx: &Context) {}

#[cache_put(plain(None), tenant = ctx.tenant)]
async fn put(ctx: &Context) -> u64 {
    7
}

fn main() {}
