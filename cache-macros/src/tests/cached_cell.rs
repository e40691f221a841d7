//! `cell`: a property that is stored in its instance.

use super::{check_method, expect, fails, quote};
use crate::cached_property::expand;

#[test]
fn a_cell_takes_the_place_of_the_arguments() {
    check_method(
        expand,
        quote!(cell = self.posts, ttl = "1m"),
        quote!(
            async fn posts(&self) -> Vec<Post> {
                self.load().await
            }
        ),
        &expect![[r#"
            impl Type {
                #[allow(
                    refining_impl_trait,
                    clippy::double_must_use,
                    clippy::elidable_lifetime_names,
                    clippy::extra_unused_lifetimes,
                    clippy::needless_lifetimes,
                    clippy::type_complexity,
                    clippy::used_underscore_binding,
                )]
                fn posts(
                    &self,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Vec<Post>>> {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::posts"),
                            ::larder::Policy::new()
                                .ttl(::core::time::Duration::from_millis(60_000))
                                .local(),
                        )
                        .parts(
                            &[
                                ::larder::__private::Part::Path,
                                ::larder::__private::Part::Place,
                                ::larder::__private::Part::Arguments {
                                    types: false,
                                    positions: &[],
                                },
                            ],
                        );
                    enum __LarderHere {}
                    impl ::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 0usize;
                        const IN_CELLS: bool = true;
                        fn site() -> &'static ::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    let __larder_cell = ::larder::__private::cell_of(&self.posts);
                    let __larder_shape = {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<Vec<Post>>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::local(),
                    );
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .cell(__larder_cell)
                        .call(
                            __larder_rules,
                            (),
                            move |(), __larder_key, __larder_tags| {
                                __larder_key
                                    .literal(::core::concat!(::core::module_path!(), "::posts:"));
                                __larder_key.types::<(__LarderHere, Self)>();
                            },
                            move |()| {
                                let _ = &self;
                                async move {
                                    if false {
                                        return ::larder::__private::typed::<Vec<Post>>();
                                    }
                                    { self.load().await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn options_that_exclude_a_cell() {
    let method = || {
        quote!(
            async fn posts(&self) -> u64 {
                1
            }
        )
    };
    fails(
        expand,
        quote!(cell = self.posts, key = "posts:{self.id}", key_prefix = "shop", version = 2, local),
        method(),
        &["remove `key` or `cell`", "remove `key_prefix`", "remove `version`", "remove `local`"],
    );
    fails(expand, quote!(cell = POSTS), method(), &["this cell is in no instance"]);
    fails(expand, quote!(cell), method(), &["`cell` needs a value"]);
    fails(
        crate::cached::expand,
        quote!(cell = self.posts, skip(self)),
        method(),
        &["unknown option `cell`"],
    );
}
