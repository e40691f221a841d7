//! The options of a policy, conditions, and their requirements for the output.

use super::{check, check_method, expect, quote};
use crate::cached::expand;
use crate::cached_property;

#[test]
fn every_option() {
    check(
        expand,
        quote!(
            ttl = "5m",
            tti = 60,
            jitter = "10%",
            stale = "1m",
            stale_if_error = "1h",
            throttle = "500ms",
            early_refresh,
            soft_timeout = "1s",
            hard_timeout = "5s",
            none_ttl = 0,
            err_ttl = "2s",
            lease = "30s",
            stampede = "process",
            cache_if = |user| user.is_some(),
            unless = Option::is_none,
            skip_if = id == 0,
            key = "user:{id}"
        ),
        quote! {
            async fn get_user(id: u64) -> Result<Option<User>, DbError> {
                fetch(id).await
            }
        },
        &expect![[r##"
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn get_user(
                id: u64,
            ) -> ::larder::Call<
                impl ::larder::__private::Load<Output = Result<Option<User>, DbError>>,
            > {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get_user"),
                        ::larder::Policy::new()
                            .ttl(::core::time::Duration::from_millis(300_000))
                            .tti(::core::time::Duration::from_millis(60_000))
                            .stale(::core::time::Duration::from_millis(60_000))
                            .stale_if_error(::core::time::Duration::from_millis(3_600_000))
                            .throttle(::core::time::Duration::from_millis(500))
                            .soft_timeout(::core::time::Duration::from_millis(1_000))
                            .hard_timeout(::core::time::Duration::from_millis(5_000))
                            .none_ttl(::core::time::Duration::from_millis(0))
                            .err_ttl(::core::time::Duration::from_millis(2_000))
                            .lease(::core::time::Duration::from_millis(30_000))
                            .jitter(0.1)
                            .early_refresh(1.0)
                            .stampede(::larder::Stampede::Process),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("user:"),
                            ::larder::__private::Part::Argument(0usize),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
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
                    (&&&::larder::__private::Probe::<Result<Option<User>, DbError>>::new()).shape()
                };
                ::larder::__private::keeps_errors(__larder_shape);
                let __larder_rules = move || {
                    ::larder::__private::Rules::new(
                            __larder_shape,
                            ::larder::__private::remote(__larder_shape),
                        )
                        .absent(::larder::__private::absent(__larder_shape))
                        .timed_out(::larder::__private::times_out(__larder_shape))
                        .keeps(|user| user.is_some())
                        .unless(Option::is_none)
                };
                #[allow(unused_variables)]
                let __larder_load = async move |id: u64| -> Result<Option<User>, DbError> {
                    { fetch(id).await }
                };
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .skip_if(id == 0)
                    .call_refreshing(
                        __larder_rules,
                        (id,),
                        move |(id,), __larder_key, __larder_tags| {
                            use ::larder::__private::{PushDisplay as _, PushExact as _};
                            __larder_key.literal("user:");
                            (&::larder::__private::Field(&(*id))).push(__larder_key);
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                        },
                        move |(id,)| async move { __larder_load(id).await },
                        move |(id,)| { async move { __larder_load(id).await } },
                    )
            }
        "##]],
    );
}

#[test]
fn a_shared_policy() {
    check(
        expand,
        quote!(
            policy = shared::USERS,
            ttl = "never",
            tags = ["users", "user:{id}"],
            local,
            key = "user:{id}"
        ),
        quote! {
            async fn get_user(id: u64) -> Option<User> {
                fetch(id).await
            }
        },
        &expect![[r##"
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn get_user(
                id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Option<User>>> {
                const __LARDER_POLICY: ::larder::Policy = shared::USERS;
                const __LARDER_GOES_ON: bool = __LARDER_POLICY.no_expiry().goes_on();
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get_user"),
                        ::larder::__private::possible(
                            ::larder::__private::loads_once(__LARDER_POLICY.no_expiry()).local(),
                        ),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("user:"),
                            ::larder::__private::Part::Argument(0usize),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()))
                    .tag_patterns(&["users", "user:*"]);
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
                    (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                };
                let __larder_rules = move || {
                    ::larder::__private::Rules::new(__larder_shape, ::larder::__private::local())
                        .absent({
                            use ::larder::__private::{AbsentNever as _, AbsentOption as _};
                            (&&::larder::__private::value_probe(__larder_shape)).absent()
                        })
                        .timed_out({
                            use ::larder::__private::{TimeoutError as _, TimeoutNever as _};
                            (&&::larder::__private::output_probe(__larder_shape)).times_out()
                        })
                };
                #[allow(unused_variables)]
                let __larder_load = async move |id: u64| -> Option<User> { { fetch(id).await } };
                ::larder::__private::Background::<
                    __LARDER_GOES_ON,
                >::call(
                    ::larder::__private::Fetch::<__LarderHere>::new(),
                    __larder_rules,
                    (id,),
                    move |(id,), __larder_key, __larder_tags| {
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        __larder_key.literal("user:");
                        (&::larder::__private::Field(&(*id))).push(__larder_key);
                        __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                        __larder_tags.begin();
                        __larder_tags.text().literal("users");
                        __larder_tags.begin();
                        __larder_tags.text().literal("user:");
                        (&::larder::__private::Field(&(*id))).push(__larder_tags.text());
                    },
                    move |(id,)| async move { __larder_load(id).await },
                    move |(id,)| { async move { __larder_load(id).await } },
                )
            }
        "##]],
    );
}

#[test]
fn a_shared_policy_of_a_load_that_stays_in_the_foreground() {
    check_method(
        expand,
        quote!(policy = USERS.stampede(Stampede::Off), tags = ["users"], skip(self)),
        quote! {
            async fn get(&mut self) -> Option<User> {
                self.fetch().await
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
                fn get(
                    &mut self,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Option<User>>> {
                    const __LARDER_POLICY: ::larder::Policy = USERS.stampede(Stampede::Off);
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::get"),
                            ::larder::__private::possible(
                                ::larder::__private::loads_once(__LARDER_POLICY),
                            ),
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
                            whole: ::core::concat!(::core::module_path!(), "::get::{{closure}}"),
                            position: ::core::concat!(
                                "@", ::core::line!(), ".", ::core::column!(), ".8e68ce207d2e3002"
                            ),
                        })
                        .tag_patterns(&["users"]);
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
                        (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                    };
                    let __larder_rules = move || {
                        ::larder::__private::Rules::new(
                                __larder_shape,
                                ::larder::__private::remote(__larder_shape),
                            )
                            .absent({
                                use ::larder::__private::{AbsentNever as _, AbsentOption as _};
                                (&&::larder::__private::value_probe(__larder_shape)).absent()
                            })
                            .timed_out({
                                use ::larder::__private::{TimeoutError as _, TimeoutNever as _};
                                (&&::larder::__private::output_probe(__larder_shape)).times_out()
                            })
                            .refused({
                                use ::larder::__private::{RefusalError as _, RefusalNever as _};
                                (&&::larder::__private::output_probe(__larder_shape)).refuses()
                            })
                    };
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .call(
                            __larder_rules,
                            (),
                            move |(), __larder_key, __larder_tags| {
                                __larder_key
                                    .literal(::core::concat!(::core::module_path!(), "::get:"));
                                __LARDER_SITE.place(__larder_key, __larder_here);
                                __larder_tags.begin();
                                __larder_tags.text().literal("users");
                            },
                            move |()| {
                                let _ = &self;
                                async move {
                                    if false {
                                        return ::larder::__private::typed::<Option<User>>();
                                    }
                                    { self.fetch().await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn a_sync_function() {
    check(
        expand,
        quote!(
            policy = USERS,
            jitter = 1,
            err_ttl = 1,
            unless = |user| user.id == 0,
            skip_if = id > 3
        ),
        quote! {
            fn get(id: u64) -> Result<User, DbError> {
                fetch(id)
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
            mod __larder_of_get {
                #[allow(
                    dead_code,
                    non_camel_case_types,
                    missing_copy_implementations,
                    missing_debug_implementations,
                    unreachable_pub,
                )]
                pub enum get {}
            }
            #[doc(hidden)]
            #[allow(hidden_glob_reexports, unreachable_pub, unused_imports)]
            use __larder_of_get::*;
            impl __larder_of_get::get {
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
                fn __larder_call(
                    id: u64,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Result<User, DbError>>> {
                    if false {
                        #[allow(deprecated)]
                        let _ = get(id);
                        ::core::unreachable!()
                    }
                    __larder_call_get(id)
                }
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
            fn __larder_call_get(
                id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Result<User, DbError>>> {
                const __LARDER_POLICY: ::larder::Policy = USERS;
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get"),
                        ::larder::__private::possible(
                            ::larder::__private::loads_once(
                                __LARDER_POLICY
                                    .err_ttl(::core::time::Duration::from_millis(1_000))
                                    .jitter(1.0),
                            ),
                        ),
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
                            ::core::module_path!(), "::__larder_call_get::{{closure}}"
                        ),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".453063b4669d4031"
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
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                ::larder::__private::keeps_errors(__larder_shape);
                let __larder_rules = move || {
                    ::larder::__private::Rules::new(__larder_shape, ::larder::__private::local())
                        .absent({
                            use ::larder::__private::{AbsentNever as _, AbsentOption as _};
                            (&&::larder::__private::value_probe(__larder_shape)).absent()
                        })
                        .unless(|user| user.id == 0)
                };
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .skip_if(id > 3)
                    .call_sync(
                        __larder_rules,
                        (id,),
                        move |(id,), __larder_key, __larder_tags| {
                            __larder_key.literal(::core::concat!(::core::module_path!(), "::get:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                            __larder_key.arg(&(*id));
                        },
                        move |(id,)| -> Result<User, DbError> {
                            let _ = &id;
                            let _ = &id;
                            if false {
                                return ::larder::__private::typed::<Result<User, DbError>>();
                            }
                            { fetch(id) }
                        },
                    )
            }
            #[allow(clippy::must_use_candidate)]
            fn get(id: u64) -> Result<User, DbError> {
                ::larder::__private::wait(__larder_call_get(id))
            }
        "##]],
    );
}

#[test]
fn a_property() {
    check_method(
        cached_property::expand,
        quote!(ttl = "1m", none_ttl = "5s", skip_if = self.closed, key = "{self.id}"),
        quote! {
            async fn owner(&self) -> Option<User> {
                self.fetch().await
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
                fn owner(
                    &self,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Option<User>>> {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::owner"),
                            ::larder::Policy::new()
                                .ttl(::core::time::Duration::from_millis(60_000))
                                .none_ttl(::core::time::Duration::from_millis(5_000)),
                        )
                        .parts(
                            &[::larder::__private::Part::Value, ::larder::__private::Part::Instance],
                        )
                        .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
                    enum __LarderHere {}
                    impl ::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 0usize;
                        fn site() -> &'static ::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    let __larder_here = || {};
                    let __larder_shape = {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                    };
                    let __larder_rules = move || {
                        ::larder::__private::Rules::new(
                                __larder_shape,
                                ::larder::__private::remote(__larder_shape),
                            )
                            .absent(::larder::__private::absent(__larder_shape))
                    };
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .skip_if(self.closed)
                        .call(
                            __larder_rules,
                            (self,),
                            move |(__larder_self,), __larder_key, __larder_tags| {
                                use ::larder::__private::{PushDisplay as _, PushExact as _};
                                (&::larder::__private::Field(&(*__larder_self).id))
                                    .push(__larder_key);
                                __larder_key.guard_head();
                                __LARDER_SITE
                                    .instance::<__LarderHere, _>(__larder_key, __larder_here);
                            },
                            move |(_,)| {
                                let _ = &self;
                                async move {
                                    if false {
                                        return ::larder::__private::typed::<Option<User>>();
                                    }
                                    { self.fetch().await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn functions_of_the_error_and_the_previous_value() {
    check(
        expand,
        quote!(
            ttl = "1m",
            stale_if = |error| error.is_transient(),
            err_ttl_with = retry_after,
            previous = old,
            key = "page"
        ),
        quote! {
            async fn page() -> Result<Page, Failed> {
                fetch(old).await
            }
        },
        &expect![[r##"
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn page() -> ::larder::Call<
                impl ::larder::__private::Load<Output = Result<Page, Failed>>,
            > {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::page"),
                        ::larder::Policy::new().ttl(::core::time::Duration::from_millis(60_000)),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("page"),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 0usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<Page, Failed>>::new()).shape()
                };
                ::larder::__private::keeps_errors(__larder_shape);
                let __larder_rules = move || {
                    ::larder::__private::Rules::new(
                            __larder_shape,
                            ::larder::__private::remote(__larder_shape),
                        )
                        .fails(|__larder_output, __larder_terms| {
                            if let ::core::option::Option::Some(__larder_value) = ::larder::__private::error_of(
                                {
                                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                                    use ::larder::__private::ShapeShared as _;
                                    (&&&::larder::__private::Probe::<Result<Page, Failed>>::new())
                                        .shape()
                                },
                                __larder_output,
                            ) {
                                __larder_terms
                                    .keep_if(
                                        ::larder::__private::applied(
                                            __larder_value,
                                            |error| error.is_transient(),
                                        ),
                                    );
                                match ::larder::__private::applied(__larder_value, retry_after) {
                                    __larder_life => {
                                        ::larder::__private::ttl_of(__larder_terms, __larder_life)
                                    }
                                }
                            }
                        })
                        .revalidates()
                };
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call(
                        __larder_rules,
                        (),
                        move |(), __larder_key, __larder_tags| {
                            __larder_key.literal("page");
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                        },
                        move |()| {
                            let old = ::larder::__private::Previous::take()
                                .of({
                                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                                    use ::larder::__private::ShapeShared as _;
                                    (&&&::larder::__private::Probe::<Result<Page, Failed>>::new())
                                        .shape()
                                });
                            async move {
                                if false {
                                    return ::larder::__private::typed::<Result<Page, Failed>>();
                                }
                                { fetch(old).await }
                            }
                        },
                    )
            }
        "##]],
    );
    check(
        expand,
        quote!(ttl = "1m", stale = "1m", previous = old, key = "page"),
        quote! {
            async fn page() -> Result<Page, Failed> {
                fetch(old).await
            }
        },
        &expect![[r##"
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn page() -> ::larder::Call<
                impl ::larder::__private::Load<Output = Result<Page, Failed>>,
            > {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::page"),
                        ::larder::Policy::new()
                            .ttl(::core::time::Duration::from_millis(60_000))
                            .stale(::core::time::Duration::from_millis(60_000)),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("page"),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 0usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<Page, Failed>>::new()).shape()
                };
                let __larder_rules = move || {
                    ::larder::__private::Rules::new(
                            __larder_shape,
                            ::larder::__private::remote(__larder_shape),
                        )
                        .revalidates()
                };
                #[allow(unused_variables)]
                let __larder_load = async move |
                    __larder_previous: ::larder::__private::Previous,
                | -> Result<Page, Failed> {
                    let old = __larder_previous
                        .of({
                            use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                            use ::larder::__private::ShapeShared as _;
                            (&&&::larder::__private::Probe::<Result<Page, Failed>>::new()).shape()
                        });
                    { fetch(old).await }
                };
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call_refreshing(
                        __larder_rules,
                        (),
                        move |(), __larder_key, __larder_tags| {
                            __larder_key.literal("page");
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                        },
                        move |()| {
                            let __larder_previous = ::larder::__private::Previous::take();
                            async move { __larder_load(__larder_previous).await }
                        },
                        move |()| {
                            let __larder_previous = ::larder::__private::Previous::take();
                            async move { __larder_load(__larder_previous).await }
                        },
                    )
            }
        "##]],
    );
}
