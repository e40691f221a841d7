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
            )]
            pub fn get_user<'larder0>(
                db: &'larder0 Db,
                id: u64,
            ) -> ::larder::Call<
                impl ::larder::__private::Load<
                    Output = Result<User, DbError>,
                > + ::larder::__private::Captures<(&'larder0 (),)>,
            > {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                    ::core::concat!(::core::module_path!(), "::get_user"),
                    ::larder::Policy::new()
                        .ttl(::core::time::Duration::from_millis(300_000))
                        .tags(&["users"]),
                );
                let key = {
                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                    let mut key = ::larder::__private::KeyBuf::new();
                    key.literal("user:");
                    (&::larder::__private::Field(&id)).push(&mut key);
                    key
                };
                let tags = {
                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                    let mut tags = ::larder::__private::Tags::new();
                    tags.begin();
                    tags.text().literal("user:");
                    (&::larder::__private::Field(&id)).push(tags.text());
                    tags
                };
                let shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                let rules = ::larder::__private::Rules::new(
                    shape,
                    ::larder::__private::remote(shape),
                );
                ::larder::__private::Fetch::new(&__LARDER_SITE, key)
                    .tags(tags)
                    .of_instance(|| {})
                    .call(
                        rules,
                        move || async move {
                            if false {
                                return ::larder::__private::typed::<Result<User, DbError>>();
                            }
                            { db.fetch(id).await }
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
            )]
            fn search<T: Serialize, const N: usize>(
                query: String,
                larder_arg1: (u8, u8),
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Vec<T>>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                    ::core::concat!(::core::module_path!(), "::search"),
                    ::larder::Policy::new(),
                );
                let key = {
                    let mut key = ::larder::__private::KeyBuf::function(
                        ::core::module_path!(),
                        "search",
                    );
                    key.place(
                        || {},
                        ::core::module_path!(),
                        ::core::concat!(::core::module_path!(), "::search::{{closure}}"),
                    );
                    key.generic::<T>();
                    key.arg(&N);
                    key.arg(&query);
                    key.arg(&larder_arg1);
                    key
                };
                let shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
                    (&&&::larder::__private::Probe::<Vec<T>>::new()).shape()
                };
                let rules = ::larder::__private::Rules::new(
                    shape,
                    ::larder::__private::remote(shape),
                );
                ::larder::__private::Fetch::new(&__LARDER_SITE, key)
                    .call(
                        rules,
                        move || async move {
                            if false {
                                return ::larder::__private::typed::<Vec<T>>();
                            }
                            let (a, b) = larder_arg1;
                            { find(query, a, b).await }
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
                )]
                fn get<'larder0, 'a>(
                    &'larder0 self,
                    id: &'a str,
                ) -> ::larder::Call<
                    impl ::larder::__private::Load<
                        Output = Option<User>,
                    > + ::larder::__private::Captures<(&'a (), &'larder0 (), Self)>,
                >
                where
                    Self: Sized,
                {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::get"),
                            ::larder::Policy::new()
                                .ttl(::core::time::Duration::from_millis(300_000))
                                .local(),
                        )
                        .cache("people");
                    let key = {
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("user:");
                        (&::larder::__private::Field(&id)).push(&mut key);
                        key.literal(":");
                        (&::larder::__private::Field(&self.pair.0)).push(&mut key);
                        key
                    };
                    let shape = {
                        use ::larder::__private::{
                            ShapePlain as _, ShapeResult as _, ShapeShared as _,
                        };
                        (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                    };
                    let rules = ::larder::__private::Rules::new(shape, ::larder::__private::local());
                    ::larder::__private::Fetch::new(&__LARDER_SITE, key)
                        .of_instance(|| {})
                        .call(
                            rules,
                            move || async move {
                                if false {
                                    return ::larder::__private::typed::<Option<User>>();
                                }
                                { self.db.find(id).await }
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
        quote!(cache = self.cache, crate = my::larder),
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
                )]
                fn all(
                    self: Arc<Self>,
                ) -> my::larder::Call<
                    impl my::larder::__private::Load<
                        Output = Vec<User>,
                    > + my::larder::__private::Captures<(Self,)>,
                > {
                    static __LARDER_SITE: my::larder::__private::Site = my::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::all"),
                        my::larder::Policy::new(),
                    );
                    let key = {
                        let mut key = my::larder::__private::KeyBuf::function(
                            ::core::module_path!(),
                            "all",
                        );
                        key.place(
                            || {},
                            ::core::module_path!(),
                            ::core::concat!(::core::module_path!(), "::all::{{closure}}"),
                        );
                        key.arg(&self);
                        key
                    };
                    let shape = {
                        use my::larder::__private::{
                            ShapePlain as _, ShapeResult as _, ShapeShared as _,
                        };
                        (&&&my::larder::__private::Probe::<Vec<User>>::new()).shape()
                    };
                    let rules = my::larder::__private::Rules::new(
                        shape,
                        my::larder::__private::remote(shape),
                    );
                    match &self.cache {
                        handle => {
                            my::larder::__private::Fetch::new(&__LARDER_SITE, key).cache(handle)
                        }
                    }
                        .call(
                            rules,
                            move || async move {
                                if false {
                                    return my::larder::__private::typed::<Vec<User>>();
                                }
                                { self.db.all().await }
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
                )]
                pub fn user_count<'larder0>(
                    &'larder0 self,
                ) -> ::larder::Call<
                    impl ::larder::__private::Load<
                        Output = u64,
                    > + ::larder::__private::Captures<(&'larder0 (), Self)>,
                > {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::user_count"),
                        ::larder::Policy::new().ttl(::core::time::Duration::from_millis(60_000)),
                    );
                    let key = {
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("tenant:");
                        (&::larder::__private::Field(&self.tenant)).push(&mut key);
                        key.literal(":users");
                        key
                    };
                    let shape = {
                        use ::larder::__private::{
                            ShapePlain as _, ShapeResult as _, ShapeShared as _,
                        };
                        (&&&::larder::__private::Probe::<u64>::new()).shape()
                    };
                    let rules = ::larder::__private::Rules::new(
                        shape,
                        ::larder::__private::remote(shape),
                    );
                    ::larder::__private::Fetch::new(&__LARDER_SITE, key)
                        .of_instance(|| {})
                        .call(
                            rules,
                            move || async move {
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                { self.count().await }
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
        &expect![[r##"
            #[allow(
                refining_impl_trait,
                clippy::double_must_use,
                clippy::elidable_lifetime_names,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes,
                clippy::type_complexity,
            )]
            fn all<'larder0>(
                f: impl Fn(&str) -> &str,
                s: Cow<'larder0, str>,
            ) -> ::larder::Call<
                impl ::larder::__private::Load<
                    Output = &'static str,
                > + ::larder::__private::Captures<(&'larder0 (),)>,
            > {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                    ::core::concat!(::core::module_path!(), "::all"),
                    ::larder::Policy::new(),
                );
                let key = {
                    let mut key = ::larder::__private::KeyBuf::new();
                    key.literal("all");
                    key
                };
                let shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
                    (&&&::larder::__private::Probe::<&'static str>::new()).shape()
                };
                let rules = ::larder::__private::Rules::new(
                    shape,
                    ::larder::__private::remote(shape),
                );
                ::larder::__private::Fetch::new(&__LARDER_SITE, key)
                    .of_type(|| {})
                    .call(
                        rules,
                        move || async move {
                            if false {
                                return ::larder::__private::typed::<&'static str>();
                            }
                            { "all" }
                        },
                    )
            }
        "##]],
    );
}
