//! `#[cached_impl]`.

use super::{check, expect, fails, quote};
use crate::cached_impl::expand;

#[test]
fn defaults_reach_the_attributes() {
    check(
        expand,
        quote!(ttl = "5m", stale = "1h", tags = ["users", TEAM], invalidate_on = [Saved<u8>], cache = self.cache, tenant = self.tenant, crate = x::y),
        quote! {
            impl Users {
                #[cached]
                async fn all(&self) -> Vec<User> {}
                #[larder::cached(key = "user:{id}", skip(self), ttl = 7, tags = ["user:{id}", "users"],)]
                fn get(&self, id: u64) -> User {}
                #[cached_property(cell = self.size, policy = P)]
                async fn size(&self) -> u64 {}
                #[cache_evict(self.get(id), skip(id), key = "a,b")]
                #[cache_evict(all, cache = "x")]
                async fn set(&self, id: u64) {}
                #[cache_put(self.get(id))]
                #[inline]
                fn put(&self, id: u64) -> User {}
            }
        },
        &expect![[r#"
            impl Users {
                #[cached(
                    ttl = "5m",
                    stale = "1h",
                    tags = ["users",
                    TEAM],
                    invalidate_on = [Saved<u8>],
                    cache = self.cache,
                    tenant = self.tenant,
                    crate = x::y
                )]
                async fn all(&self) -> Vec<User> {}
                #[larder::cached(
                    key = "user:{id}",
                    skip(self),
                    ttl = 7,
                    tags = ["user:{id}",
                    "users",
                    TEAM],
                    invalidate_on = [Saved<u8>],
                    cache = self.cache,
                    tenant = self.tenant,
                    crate = x::y
                )]
                fn get(&self, id: u64) -> User {}
                #[cached_property(
                    cell = self.size,
                    policy = P,
                    tags = ["users",
                    TEAM],
                    invalidate_on = [Saved<u8>],
                    cache = self.cache,
                    tenant = self.tenant,
                    crate = x::y
                )]
                async fn size(&self) -> u64 {}
                #[cache_evict(
                    self.get(id),
                    skip(id),
                    key = "a,b",
                    cache = self.cache,
                    tenant = self.tenant,
                    crate = x::y
                )]
                #[cache_evict(all, cache = "x", tenant = self.tenant, crate = x::y)]
                async fn set(&self, id: u64) {}
                #[cache_put(self.get(id), tenant = self.tenant, crate = x::y)]
                #[inline]
                fn put(&self, id: u64) -> User {}
            }
        "#]],
    );
}

#[test]
fn wrong_defaults() {
    let block = || {
        quote! {
            impl Users {
                #[cached]
                async fn all(&self) -> u64 { 7 }
            }
        }
    };
    fails(
        expand,
        quote!(tll = 5),
        block(),
        &["unknown option `tll`; did you mean `ttl`? The options are"],
    );
    fails(expand, quote!(bananas), block(), &["unknown option `bananas`. The options are"]);
    fails(expand, quote!(skip(self)), block(), &["`skip` belongs to one function"]);
    fails(expand, quote!(ttl = 5, ttl = 6), block(), &["`ttl` is given twice"]);
    fails(expand, quote!(), block(), &["`#[cached_impl]` needs the options"]);
    fails(
        expand,
        quote!(ttl = 5),
        quote!(impl Users { fn a() {} }),
        &["no method of this block has `#[cached]`"],
    );
    fails(
        expand,
        quote!(ttl = 5),
        quote!(
            mod users {}
        ),
        &["goes on an `impl` block"],
    );
}
