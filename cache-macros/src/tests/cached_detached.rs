//! `stale`: the body as a separate load.

use super::{check, check_method, expect, quote};
use crate::cached::expand;

#[test]
fn a_free_function() {
    check(
        expand,
        quote!(ttl = "1m", stale = "5m", key = "user:{id}:{name}", skip(db)),
        quote! {
            async fn get_user<T: Shape>(db: &Db, name: &str, mut id: u64) -> Result<User<T>, DbError> {
                id += 1;
                db.fetch(name, id).await
            }
        },
        &expect![[r#"
            ::core::compile_error! {
                "`T` is neither in `key` nor in `skip(...)`: instances of this function that differ in `T` would share one entry. Add `{T}` to the key or `skip(T)`"
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
            fn get_user<T: Shape>(
                db: &Db,
                name: &str,
                mut id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Result<User<T>, DbError>>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get_user"),
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
                        whole: ::core::concat!(::core::module_path!(), "::get_user::{{closure}}"),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".06344ee292eafbe2"
                        ),
                    });
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 3usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<User<T>, DbError>>::new()).shape()
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
                            __larder_key
                                .literal(::core::concat!(::core::module_path!(), "::get_user:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                        },
                        move |()| {
                            let _ = &db;
                            let _ = &name;
                            let _ = &id;
                            async move {
                                if false {
                                    return ::larder::__private::typed::<Result<User<T>, DbError>>();
                                }
                                {
                                    id += 1;
                                    db.fetch(name, id).await
                                }
                            }
                        },
                    )
            }
        "#]],
    );
}

#[test]
fn a_method() {
    check_method(
        expand,
        quote!(ttl = "1m", stale = "5m", key = "user:{id}", skip(self)),
        quote! {
            #[expect(unused)]
            pub async fn get(&self, id: u64) -> Option<User> {
                self.db.fetch(id).await
            }
        },
        &expect![[r#"
            impl Type {
                #[expect(unused)]
                #[allow(
                    refining_impl_trait,
                    clippy::double_must_use,
                    clippy::elidable_lifetime_names,
                    clippy::extra_unused_lifetimes,
                    clippy::needless_lifetimes,
                    clippy::type_complexity,
                    clippy::used_underscore_binding,
                )]
                pub fn get(
                    &self,
                    id: u64,
                ) -> ::larder::Call<impl ::larder::__private::Load<Output = Option<User>>> {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::get"),
                            ::larder::Policy::new()
                                .ttl(::core::time::Duration::from_millis(60_000))
                                .stale(::core::time::Duration::from_millis(300_000)),
                        )
                        .parts(
                            &[
                                ::larder::__private::Part::Text("user:"),
                                ::larder::__private::Part::Argument(1usize),
                                ::larder::__private::Part::Instance,
                            ],
                        )
                        .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
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
                        (&&&::larder::__private::Probe::<Option<User>>::new()).shape()
                    };
                    let __larder_rules = move || ::larder::__private::Rules::new(
                        __larder_shape,
                        ::larder::__private::remote(__larder_shape),
                    );
                    #[allow(unused_variables)]
                    let __larder_load = async move |__larder_self: &Self, id: u64| -> Option<User> {
                        { __larder_self.db.fetch(id).await }
                    };
                    ::larder::__private::Fetch::<__LarderHere>::new()
                        .call_refreshing(
                            __larder_rules,
                            (self, id),
                            move |(_, id), __larder_key, __larder_tags| {
                                use ::larder::__private::{PushDisplay as _, PushExact as _};
                                __larder_key.literal("user:");
                                (&::larder::__private::Field(&(*id))).push(__larder_key);
                                __LARDER_SITE
                                    .instance::<__LarderHere, _>(__larder_key, __larder_here);
                            },
                            move |(__larder_self, id)| async move {
                                __larder_load(__larder_self, id).await
                            },
                            move |(__larder_self, id)| {
                                let __larder_self = ::larder::__private::detached(__larder_self);
                                async move { __larder_load(&__larder_self, id).await }
                            },
                        )
                }
            }
        "#]],
    );
}

#[test]
fn a_load_that_is_repeated() {
    check(
        expand,
        quote!(ttl = "5m", refresh_every = "1m", key = "user:{id}", skip(db, more)),
        quote! {
            async fn get_user(db: &Db, more: Vec<u8>, id: u64) -> User {
                db.fetch(id, more).await
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
                db: &Db,
                more: Vec<u8>,
                id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = User>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get_user"),
                        ::larder::Policy::new()
                            .ttl(::core::time::Duration::from_millis(300_000))
                            .refresh_every(::core::time::Duration::from_millis(60_000)),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("user:"),
                            ::larder::__private::Part::Argument(2usize),
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()));
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 3usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<User>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::remote(__larder_shape),
                );
                #[allow(unused_variables)]
                let __larder_load = async move |db: &Db, more: Vec<u8>, id: u64| -> User {
                    { db.fetch(id, more).await }
                };
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call_repeating(
                        __larder_rules,
                        (db, more, id),
                        move |(_, _, id), __larder_key, __larder_tags| {
                            use ::larder::__private::{PushDisplay as _, PushExact as _};
                            __larder_key.literal("user:");
                            (&::larder::__private::Field(&(*id))).push(__larder_key);
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                        },
                        move |(db, more, id)| async move { __larder_load(db, more, id).await },
                        move |(db, more, id)| {
                            let db = ::larder::__private::repeated(db);
                            let more = ::larder::__private::repeated(more);
                            let id = ::larder::__private::repeated(id);
                            let db = ::larder::__private::detached(db);
                            move || {
                                let db = ::core::clone::Clone::clone(&db);
                                let more = ::core::clone::Clone::clone(&more);
                                let id = ::core::clone::Clone::clone(&id);
                                async move { __larder_load(&db, more, id).await }
                            }
                        },
                    )
            }
        "##]],
    );
}
