//! The pages of the guide and the documentation of the attributes. Their code is compiled and run here as doctests, because the packages
//! `larder` and `cache-macros` do not have the packages that they use.

macro_rules! pages {
    ($($name:ident $page:literal)*) => {
        $(
            #[doc = include_str!(concat!("../", $page))]
            #[cfg(doctest)]
            mod $name {}
        )*
    };
}

pages! {
    cache_evict "cache-macros/docs/cache_evict.md"
    cache_put "cache-macros/docs/cache_put.md"
    cached "cache-macros/docs/cached.md"
    cached_impl "cache-macros/docs/cached_impl.md"
    cached_property "cache-macros/docs/cached_property.md"
    call "cache-macros/docs/call.md"
    entries "cache-macros/docs/entries.md"
    batches "docs/batches.md"
    by_hand "docs/by-hand.md"
    configuration "docs/configuration.md"
    dashboard "docs/dashboard.md"
    functions "docs/functions.md"
    getting_started "docs/getting-started.md"
    invalidation "docs/invalidation.md"
    keys "docs/keys.md"
    from_cached "docs/from-cached.md"
    health "docs/health.md"
    migration "docs/migration.md"
    monitoring "docs/monitoring.md"
    policies "docs/policies.md"
    security "docs/security.md"
    tenants "docs/tenants.md"
    testing "docs/testing.md"
    tiers "docs/tiers.md"
}
