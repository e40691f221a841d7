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
    configuration "configuration.md"
    from_cached "from-cached.md"
    health "health.md"
    monitoring "monitoring.md"
    testing "testing.md"
}
