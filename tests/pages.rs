//! The pages of the guide. Their code is compiled and run here as doctests, because the package `larder` does not have the packages
//! that they use.

macro_rules! pages {
    ($($name:ident $page:literal)*) => {
        $(
            #[doc = include_str!(concat!("../docs/", $page))]
            #[cfg(doctest)]
            mod $name {}
        )*
    };
}

pages! {
    batches "batches.md"
    by_hand "by-hand.md"
    configuration "configuration.md"
    dashboard "dashboard.md"
    functions "functions.md"
    getting_started "getting-started.md"
    invalidation "invalidation.md"
    keys "keys.md"
    from_cached "from-cached.md"
    health "health.md"
    migration "migration.md"
    monitoring "monitoring.md"
    policies "policies.md"
    security "security.md"
    tenants "tenants.md"
    testing "testing.md"
    tiers "tiers.md"
}
