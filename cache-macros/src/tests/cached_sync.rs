//! `#[cached]` on sync functions.

use super::{check, check_method, expect, quote};
use crate::cached::expand;

#[test]
fn a_free_function() {
    check(
        expand,
        quote!(),
        quote! {
            /// Fibonacci.
            #[cfg(feature = "fib")]
            #[deprecated]
            pub fn fib(n: u64) -> u64 {
                if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
            }
        },
        &expect![[r##"
            #[cfg(feature = "fib")]
            #[doc(hidden)]
            #[allow(
                async_fn_in_trait,
                missing_docs,
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate,
                clippy::unused_async,
            )]
            mod __larder_of_fib {
                #[allow(
                    dead_code,
                    non_camel_case_types,
                    missing_copy_implementations,
                    missing_debug_implementations,
                    unreachable_pub,
                )]
                pub enum fib {}
            }
            #[cfg(feature = "fib")]
            #[doc(hidden)]
            #[allow(hidden_glob_reexports, unreachable_pub, unused_imports)]
            pub use __larder_of_fib::*;
            #[cfg(feature = "fib")]
            impl __larder_of_fib::fib {
                #[allow(deprecated)]
                #[doc(hidden)]
                #[allow(
                    async_fn_in_trait,
                    missing_docs,
                    clippy::missing_errors_doc,
                    clippy::missing_panics_doc,
                    clippy::must_use_candidate,
                    clippy::unused_async,
                )]
                #[allow(
                    refining_impl_trait,
                    clippy::double_must_use,
                    clippy::elidable_lifetime_names,
                    clippy::extra_unused_lifetimes,
                    clippy::needless_lifetimes,
                    clippy::type_complexity,
                    clippy::used_underscore_binding,
                )]
                pub fn __larder_call(
                    n: u64,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                    if false {
                        #[allow(deprecated)]
                        let _ = fib(n);
                        ::core::unreachable!()
                    }
                    __larder_call_fib(n)
                }
            }
            #[cfg(feature = "fib")]
            #[allow(deprecated)]
            #[doc(hidden)]
            #[allow(
                async_fn_in_trait,
                missing_docs,
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate,
                clippy::unused_async,
            )]
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            pub fn __larder_call_fib(
                n: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::fib"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Path,
                            ::larder::__private::Part::Place,
                            ::larder::__private::Part::Arguments {
                                types: false,
                                positions: &[0usize],
                            },
                        ],
                    )
                    .placed(::larder::__private::Place {
                        module: ::core::module_path!(),
                        around: ::core::module_path!(),
                        whole: ::core::concat!(
                            ::core::module_path!(), "::__larder_call_fib::{{closure}}"
                        ),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".3b301b0ab2ae5aa8"
                        ),
                    });
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 1usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<u64>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::local(),
                );
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call_sync(
                        __larder_rules,
                        (n,),
                        move |(n,), __larder_key, __larder_tags| {
                            __larder_key.literal(::core::concat!(::core::module_path!(), "::fib:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                            __larder_key.arg(&(*n));
                        },
                        move |(n,)| -> u64 {
                            let _ = &n;
                            let _ = &n;
                            if false {
                                return ::larder::__private::typed::<u64>();
                            }
                            { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
                        },
                    )
            }
            /// Fibonacci.
            #[cfg(feature = "fib")]
            #[deprecated]
            #[allow(clippy::must_use_candidate)]
            pub fn fib(n: u64) -> u64 {
                ::larder::__private::wait(__larder_call_fib(n))
            }
        "##]],
    );
}

#[test]
fn a_method() {
    check_method(
        expand,
        quote!(key = "total:{n}", skip(self)),
        quote! {
            pub fn total<T>(&self, mut n: u64) -> u64 {
                n += 1;
                n
            }
        },
        &expect![[r#"
            impl Type {
                ::core::compile_error! {
                    "`T` is neither in `key` nor in `skip(...)`: instances of this function that differ in `T` would share one entry. Add `{T}` to the key or `skip(T)`"
                }
                #[doc(hidden)]
                #[allow(
                    async_fn_in_trait,
                    missing_docs,
                    clippy::missing_errors_doc,
                    clippy::missing_panics_doc,
                    clippy::must_use_candidate,
                    clippy::unused_async,
                )]
                #[allow(
                    refining_impl_trait,
                    clippy::double_must_use,
                    clippy::elidable_lifetime_names,
                    clippy::extra_unused_lifetimes,
                    clippy::needless_lifetimes,
                    clippy::type_complexity,
                    clippy::used_underscore_binding,
                )]
                pub fn __larder_call_needs_pub_self_on_total<T>(
                    &self,
                    mut n: u64,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                    if false {
                        #[allow(deprecated)]
                        let _ = Self::total::<T>(self, n);
                        ::core::unreachable!()
                    }
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::total"),
                            ::larder::Policy::new().local(),
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
                        )
                        .placed(::larder::__private::Place {
                            module: ::core::module_path!(),
                            around: ::core::module_path!(),
                            whole: ::core::concat!(::core::module_path!(), "::total::{{closure}}"),
                            position: ::core::concat!(
                                "@", ::core::line!(), ".", ::core::column!(), ".b5dd0bab146c7b3d"
                            ),
                        });
                    enum __LarderHere {}
                    impl ::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 2usize;
                        fn site() -> &'static ::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    let __larder_here = || {};
                    let __larder_shape = {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<u64>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::local(),
                    );
                    let _ = &n;
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .call_sync(
                            __larder_rules,
                            (),
                            move |(), __larder_key, __larder_tags| {
                                __larder_key
                                    .literal(::core::concat!(::core::module_path!(), "::total:"));
                                __LARDER_SITE.place(__larder_key, __larder_here);
                            },
                            move |()| -> u64 {
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                {
                                    n += 1;
                                    n
                                }
                            },
                        )
                }
                #[allow(clippy::must_use_candidate)]
                pub fn total<T>(&self, n: u64) -> u64 {
                    ::larder::__private::wait(
                        Self::__larder_call_needs_pub_self_on_total::<T>(self, n),
                    )
                }
            }
        "#]],
    );
}

#[test]
fn an_associated_function() {
    check_method(
        expand,
        quote!(ttl = "250ms"),
        quote! {
            fn total(Pair(a, b): Pair) -> u64 {
                Self::sum(a, b)
            }
        },
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
                fn total(__larder_arg0: Pair) -> u64 {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::total"),
                            ::larder::Policy::new().ttl(::core::time::Duration::from_millis(250)),
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
                        )
                        .placed(::larder::__private::Place {
                            module: ::core::module_path!(),
                            around: ::core::module_path!(),
                            whole: ::core::concat!(::core::module_path!(), "::total::{{closure}}"),
                            position: ::core::concat!(
                                "@", ::core::line!(), ".", ::core::column!(), ".d178d3f92323d47b"
                            ),
                        });
                    enum __LarderHere {}
                    impl ::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 0usize;
                        fn site() -> &'static ::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    #[allow(unused_variables)]
                    let Pair(a, b) = __larder_arg0;
                    let __larder_here = || {};
                    let __larder_shape = {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<u64>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::local(),
                    );
                    ::larder::__private::wait(
                        ::larder::__private::Fetch::<__LarderHere>::new()
                            .call_sync(
                                __larder_rules,
                                (a, b),
                                move |(a, b), __larder_key, __larder_tags| {
                                    __larder_key
                                        .literal(
                                            ::core::concat!(::core::module_path!(), "::total:"),
                                        );
                                    __LARDER_SITE.place(__larder_key, __larder_here);
                                    __larder_key.arg(&(*a));
                                    __larder_key.arg(&(*b));
                                },
                                move |(a, b)| -> u64 {
                                    let _ = &a;
                                    let _ = &b;
                                    let _ = &a;
                                    let _ = &b;
                                    if false {
                                        return ::larder::__private::typed::<u64>();
                                    }
                                    { Self::sum(a, b) }
                                },
                            ),
                    )
                }
            }
        "#]],
    );
}

#[test]
fn a_batch() {
    check(
        expand,
        quote!(each = "id in ids", key = "name:{id}", skip(db)),
        quote! {
            fn u8(db: &Db, ids: &[u64]) -> HashMap<u64, String> {
                db.names(ids)
            }
        },
        &expect![[r##"
            #[doc(hidden)]
            #[allow(
                async_fn_in_trait,
                missing_docs,
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate,
                clippy::unused_async,
            )]
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn __larder_call_u8(
                db: &Db,
                ids: &[u64],
            ) -> ::larder::Batch<
                impl ::larder::__private::LoadEach<
                    Id = <[u64] as ::larder::__private::Ids>::Id,
                    Output = HashMap<u64, String>,
                >,
            > {
                if false {
                    #[allow(deprecated)]
                    let _ = u8(db, ids);
                    ::core::unreachable!()
                }
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::u8"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[::larder::__private::Part::Text("name:"), ::larder::__private::Part::Value],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 1usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let mut __larder_batch = ::larder::__private::FetchEach::<
                    __LarderHere,
                    _,
                >::new(<[u64] as ::larder::__private::Ids>::count(ids));
                for id in <[u64] as ::larder::__private::Ids>::each(ids) {
                    if __larder_batch.is_new(id) {
                        __larder_batch
                            .push(
                                id,
                                |__larder_key, __larder_tags| {
                                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                                    __larder_key.literal("name:");
                                    (&::larder::__private::Field(&id)).push(__larder_key);
                                },
                            );
                    }
                }
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<HashMap<u64, String>>::new()).shape()
                };
                let __larder_shape = ::larder::__private::found(__larder_shape, &__larder_batch);
                let __larder_rules = ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::local(),
                );
                #[allow(unused_variables)]
                let __larder_load = move |db: &Db, ids: &[u64]| -> HashMap<u64, String> {
                    { db.names(ids) }
                };
                __larder_batch
                    .call_sync(
                        __larder_rules,
                        (db,),
                        move |(db,), __larder_ids| {
                            let __larder_ids = <[u64] as ::larder::__private::Ids>::gather(
                                __larder_ids,
                            );
                            __larder_load(db, ::core::borrow::Borrow::borrow(&__larder_ids))
                        },
                    )
            }
            #[allow(clippy::must_use_candidate)]
            fn u8(db: &Db, ids: &[u64]) -> HashMap<u64, String> {
                ::larder::__private::wait(__larder_call_u8(db, ids))
            }
        "##]],
    );
}
