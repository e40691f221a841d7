//! `#[cached]` on async functions.

use super::{check, check_method, expect, quote};
use crate::cached::expand;
use crate::cached_property;

#[test]
fn a_template_with_tags() {
    check(
        expand,
        quote!(ttl = "5m", key = "user:{id}", tags = ["users", "user:{id}"], skip(db)),
        quote! {
            /// Finds a user.
            pub async fn get_user(db: &Db, id: u64) -> Result<User, DbError> {
                db.fetch(id).await
            }
        },
        &expect![[r#"
            /// Finds a user.
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            pub fn get_user(
                db: &Db,
                id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Result<User, DbError>>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get_user"),
                        ::larder::Policy::new()
                            .ttl(::core::time::Duration::from_millis(300_000))
                            .tags(&["users"]),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("user:"),
                            ::larder::__private::Part::Argument(1usize),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()))
                    .tag_patterns(&["user:*"]);
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
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::remote(__larder_shape),
                );
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call(
                        __larder_rules,
                        (id,),
                        move |(id,), __larder_key, __larder_tags| {
                            use ::larder::__private::{PushDisplay as _, PushExact as _};
                            __larder_key.literal("user:");
                            (&::larder::__private::Field(&(*id))).push(__larder_key);
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                            __larder_tags.begin();
                            __larder_tags.text().literal("user:");
                            (&::larder::__private::Field(&(*id))).push(__larder_tags.text());
                        },
                        move |(id,)| {
                            let _ = &db;
                            let _ = &id;
                            async move {
                                let _ = &id;
                                if false {
                                    return ::larder::__private::typed::<Result<User, DbError>>();
                                }
                                { db.fetch(id).await }
                            }
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn an_automatic_key() {
    check(
        expand,
        quote!(),
        quote! {
            async fn search<T: Serialize, const N: usize>(query: String, (a, b): (u8, u8)) -> Vec<T> {
                find(query, a, b).await
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
            fn search<T: Serialize, const N: usize>(
                query: String,
                __larder_arg1: (u8, u8),
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Vec<T>>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::search"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Path,
                            ::larder::__private::Part::Place,
                            ::larder::__private::Part::Arguments {
                                types: true,
                                positions: &[0usize],
                            },
                        ],
                    )
                    .placed(::larder::__private::Place {
                        module: ::core::module_path!(),
                        around: ::core::module_path!(),
                        whole: ::core::concat!(::core::module_path!(), "::search::{{closure}}"),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".42138a2f66572409"
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
                let (a, b) = __larder_arg1;
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Vec<T>>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::remote(__larder_shape),
                );
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call(
                        __larder_rules,
                        (query, a, b),
                        move |(query, a, b), __larder_key, __larder_tags| {
                            __larder_key
                                .literal(::core::concat!(::core::module_path!(), "::search:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                            __larder_key.generic::<T>();
                            __larder_key.arg(&N);
                            __larder_key.arg(&(*query));
                            __larder_key.arg(&(*a));
                            __larder_key.arg(&(*b));
                        },
                        move |(query, a, b)| {
                            let _ = &query;
                            let _ = &a;
                            let _ = &b;
                            async move {
                                let _ = &query;
                                let _ = &a;
                                let _ = &b;
                                if false {
                                    return ::larder::__private::typed::<Vec<T>>();
                                }
                                { find(query, a, b).await }
                            }
                        },
                    )
            }
        "##]],
    );
}

#[test]
fn a_method_with_a_named_cache() {
    check_method(
        expand,
        quote!(ttl = 300, key = "user:{id}:{self.pair.0}", cache = "people", local),
        quote! {
            #[must_use]
            async fn get<'a>(&self, id: &'a str) -> Option<User> where Self: Sized {
                self.db.find(id).await
            }
        },
        &expect![[r#"
            impl Type {
                #[must_use]
                #[allow(
                    refining_impl_trait,
                    clippy::double_must_use,
                    clippy::elidable_lifetime_names,
                    clippy::extra_unused_lifetimes,
                    clippy::needless_lifetimes,
                    clippy::type_complexity,
                    clippy::used_underscore_binding,
                )]
                fn get<'a>(
                    &self,
                    id: &'a str,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Option<User>>>
                where
                    Self: Sized,
                {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::get"),
                            ::larder::Policy::new()
                                .ttl(::core::time::Duration::from_millis(300_000))
                                .local(),
                        )
                        .cache("people")
                        .parts(
                            &[
                                ::larder::__private::Part::Text("user:"),
                                ::larder::__private::Part::Argument(1usize),
                                ::larder::__private::Part::Text(":"),
                                ::larder::__private::Part::Value,
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
                        (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::local(),
                    );
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .call(
                            __larder_rules,
                            (self, id),
                            move |(__larder_self, id), __larder_key, __larder_tags| {
                                use ::larder::__private::{PushDisplay as _, PushExact as _};
                                __larder_key.literal("user:");
                                (&::larder::__private::Field(&(*id))).push(__larder_key);
                                __larder_key.literal(":");
                                (&::larder::__private::Field(&(*__larder_self).pair.0))
                                    .push(__larder_key);
                                __LARDER_SITE
                                    .instance::<__LarderHere, _>(__larder_key, __larder_here);
                            },
                            move |(_, id)| {
                                let _ = &self;
                                let _ = &id;
                                async move {
                                    if false {
                                        return ::larder::__private::typed::<Option<User>>();
                                    }
                                    { self.db.find(id).await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn a_method_without_arguments_and_a_handle() {
    check_method(
        expand,
        quote!(cache = self.cache, tenant = self.tenant, crate = my::larder),
        quote! {
            async fn all(self: Arc<Self>) -> Vec<User> {
                self.db.all().await
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
                fn all(
                    self: Arc<Self>,
                ) -> my::larder::Call<impl my::larder::__private::Load<Output = Vec<User>>> {
                    static __LARDER_SITE: my::larder::__private::Site = my::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::all"),
                            my::larder::Policy::new(),
                        )
                        .parts(
                            &[
                                my::larder::__private::Part::Path,
                                my::larder::__private::Part::Place,
                                my::larder::__private::Part::Arguments {
                                    types: false,
                                    positions: &[0usize],
                                },
                            ],
                        )
                        .placed(my::larder::__private::Place {
                            module: ::core::module_path!(),
                            around: ::core::module_path!(),
                            whole: ::core::concat!(::core::module_path!(), "::all::{{closure}}"),
                            position: ::core::concat!(
                                "@", ::core::line!(), ".", ::core::column!(), ".1f49d4b6ec759953"
                            ),
                        });
                    enum __LarderHere {}
                    impl my::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 1usize;
                        const BY_HANDLE: bool = true;
                        fn site() -> &'static my::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    let __larder_here = || {};
                    let __larder_shape = {
                        use my::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use my::larder::__private::ShapeShared as _;
                        (&&&my::larder::__private::Probe::<Vec<User>>::new()).shape()
                    };
                    let __larder_rules = move || my::larder::__private::Rules::new(
                        __larder_shape,
                        my::larder::__private::remote(__larder_shape),
                    );
                    match &self.tenant {
                        __larder_tenant => {
                            match &self.cache {
                                __larder_handle => {
                                    my::larder::__private::Fetch::<__LarderHere>::new()
                                        .tenant(__larder_tenant)
                                        .cache(__larder_handle)
                                }
                            }
                        }
                    }
                        .call(
                            __larder_rules,
                            (self,),
                            move |(__larder_self,), __larder_key, __larder_tags| {
                                __larder_key
                                    .literal(::core::concat!(::core::module_path!(), "::all:"));
                                __LARDER_SITE.place(__larder_key, __larder_here);
                                __larder_key.arg(&(*__larder_self));
                            },
                            move |(__larder_self,)| {
                                let _ = &__larder_self;
                                async move {
                                    let _ = &__larder_self;
                                    if false {
                                        return my::larder::__private::typed::<Vec<User>>();
                                    }
                                    { __larder_self.db.all().await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn a_property() {
    check_method(
        cached_property::expand,
        quote!(ttl = "1m", key = "tenant:{self.tenant}:users"),
        quote! {
            pub async fn user_count(&self) -> u64 {
                self.count().await
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
                pub fn user_count(
                    &self,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::user_count"),
                            ::larder::Policy::new().ttl(::core::time::Duration::from_millis(60_000)),
                        )
                        .parts(
                            &[
                                ::larder::__private::Part::Text("tenant:"),
                                ::larder::__private::Part::Value,
                                ::larder::__private::Part::Text(":users"),
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
                        (&&&::larder::__private::Probe::<u64>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::remote(__larder_shape),
                    );
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .call(
                            __larder_rules,
                            (self,),
                            move |(__larder_self,), __larder_key, __larder_tags| {
                                use ::larder::__private::{PushDisplay as _, PushExact as _};
                                __larder_key.literal("tenant:");
                                (&::larder::__private::Field(&(*__larder_self).tenant))
                                    .push(__larder_key);
                                __larder_key.literal(":users");
                                __LARDER_SITE
                                    .instance::<__LarderHere, _>(__larder_key, __larder_here);
                            },
                            move |(_,)| {
                                let _ = &self;
                                async move {
                                    if false {
                                        return ::larder::__private::typed::<u64>();
                                    }
                                    { self.count().await }
                                }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn elided_lifetimes_of_function_types_are_left_alone() {
    check(
        expand,
        quote!(key = "all", skip(f, s)),
        quote! {
            async fn all(f: impl Fn(&str) -> &str, s: Cow<'_, str>) -> &'static str {
                "all"
            }
        },
        &expect![[r#"
            ::core::compile_error! {
                "a value of the remote tier cannot be read as a `&'static` reference: return an owned value (`String` for `&str`), or keep the value in memory with `local`"
            }
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
                clippy::used_underscore_binding,
            )]
            fn all(
                f: impl Fn(&str) -> &str,
                s: Cow<'_, str>,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = &'static str>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::all"),
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
                        whole: ::core::concat!(::core::module_path!(), "::all::{{closure}}"),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".e8f09e77b57757ce"
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
                    (&&&::larder::__private::Probe::<&'static str>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::local(),
                );
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call(
                        __larder_rules,
                        (),
                        move |(), __larder_key, __larder_tags| {
                            __larder_key.literal(::core::concat!(::core::module_path!(), "::all:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                        },
                        move |()| {
                            async move {
                                if false {
                                    return ::larder::__private::typed::<&'static str>();
                                }
                                { "all" }
                            }
                        },
                    )
            }
        "#]],
    );
}
