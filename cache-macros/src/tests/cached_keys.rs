//! `version`, `key_prefix`, `key_with`, and templates of generic functions.

use proc_macro2::TokenStream;

use super::{check, check_method, expect, fails, quote};
use crate::cached::expand;
use crate::cached_property;

#[test]
fn text_around_a_template() {
    check(
        expand,
        quote!(key = "{id}", key_prefix = "shop:users", version = 2),
        quote!(
            async fn get(id: u64) -> u64 {
                id
            }
        ),
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
            fn get(id: u64) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("shop:users:"),
                            ::larder::__private::Part::Argument(0usize),
                            ::larder::__private::Part::Instance,
                            ::larder::__private::Part::Text("#2"),
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
                    (&&&::larder::__private::Probe::<u64>::new()).shape()
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
                            __larder_key.literal("shop:users:");
                            (&::larder::__private::Field(&(*id))).push(__larder_key);
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                            __larder_key.literal("#2");
                        },
                        move |(id,)| {
                            let _ = &id;
                            async move {
                                let _ = &id;
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                { id }
                            }
                        },
                    )
            }
        "##]],
    );
}

#[test]
fn a_text_of_the_users_behind_the_functions_path() {
    check(
        expand,
        quote!(key_with = make_key(&user, key), key_prefix = "v1/", version = "b"),
        quote!(
            async fn get<T: Load, const N: usize>(user: User, key: u8) -> u64 {
                1
            }
        ),
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
            fn get<T: Load, const N: usize>(
                user: User,
                key: u8,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("v1/"),
                            ::larder::__private::Part::Path,
                            ::larder::__private::Part::Place,
                            ::larder::__private::Part::Arguments {
                                types: false,
                                positions: &[],
                            },
                            ::larder::__private::Part::Text("#b"),
                        ],
                    )
                    .placed(::larder::__private::Place {
                        module: ::core::module_path!(),
                        around: ::core::module_path!(),
                        whole: ::core::concat!(::core::module_path!(), "::get::{{closure}}"),
                        position: ::core::concat!(
                            "@", ::core::line!(), ".", ::core::column!(), ".be378eb9200aded2"
                        ),
                    });
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 0usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_text = ::larder::__private::KeyPart::of(&make_key(&user, key));
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
                        (__larder_text,),
                        move |(__larder_text,), __larder_key, __larder_tags| {
                            __larder_key.literal("v1/");
                            __larder_key.literal(::core::concat!(::core::module_path!(), "::get:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                            __larder_key.generic::<T>();
                            __larder_key.arg(&N);
                            __larder_key.part(&(*__larder_text));
                            __larder_key.literal("#b");
                        },
                        move |(_,)| {
                            async move {
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                { 1 }
                            }
                        },
                    )
            }
        "##]],
    );
}

#[test]
fn a_template_names_generic_parameters() {
    check(
        expand,
        quote!(key = "{T}:{N}:{id}", skip(D, db)),
        quote!(
            async fn get<'a, T, D: Db, const N: usize>(db: &'a D, id: u64) -> u64 {
                1
            }
        ),
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
            fn get<'a, T, D: Db, const N: usize>(
                db: &'a D,
                id: u64,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get"),
                        ::larder::Policy::new(),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Type,
                            ::larder::__private::Part::Text(":"),
                            ::larder::__private::Part::Value,
                            ::larder::__private::Part::Text(":"),
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
                    (&&&::larder::__private::Probe::<u64>::new()).shape()
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
                            __larder_key.type_name::<T>();
                            __larder_key.literal(":");
                            (&::larder::__private::Field(&N)).push(__larder_key);
                            __larder_key.literal(":");
                            (&::larder::__private::Field(&(*id))).push(__larder_key);
                            __larder_key.guard_head();
                            __LARDER_SITE
                                .instance_around::<__LarderHere, _>(__larder_key, __larder_here);
                        },
                        move |(id,)| {
                            let _ = &id;
                            async move {
                                let _ = &id;
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                { 1 }
                            }
                        },
                    )
            }
        "##]],
    );
}

fn cached(args: TokenStream, parts: &[&str]) {
    let item = quote!(
        async fn get<T, const N: usize>(id: u64) -> u64 {
            id
        }
    );
    fails(expand, args, item, parts);
}

#[test]
fn forgotten_generic_parameters() {
    cached(
        quote!(key = "user:{id}"),
        &[
            "`T` is neither in `key` nor in `skip(...)`: instances of this function that differ in `T` would share one entry. Add \
             `{T}` to the key or `skip(T)`",
            "`N` is neither in `key`",
        ],
    );
    cached(quote!(key = "{id}:{N}", skip(T, N)), &["`N` is in `key` and in `skip(...)`"]);
    cached(quote!(key = "{id}:{N}{T}"), &["`{N}` and `{T}` run into each other"]);
    cached(quote!(key = "{id}:{N}", skip(T, U)), &["no argument is called `U`"]);
}

#[test]
fn wrong_texts_around_a_key() {
    cached(
        quote!(version = -1, key_prefix = "a*"),
        &["`version` is a whole number or a text", "`*` would make this key a pattern"],
    );
    cached(
        quote!(version = "{id}", key_prefix = id),
        &["`version` is the same for every call", "`key_prefix` is a text such as"],
    );
    cached(quote!(version = "", key_prefix = ""), &["`version` is empty", "`key_prefix` is empty"]);
}

#[test]
fn a_text_by_a_function_and_by_a_closure() {
    check_method(
        expand,
        quote!(key_with = Self::make_key, skip(db)),
        quote!(
            fn get(&self, db: &Db, id: u64, name: &str) -> u64 {
                1
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
                fn get(&self, db: &Db, id: u64, name: &str) -> u64 {
                    static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                            ::core::concat!(::core::module_path!(), "::get"),
                            ::larder::Policy::new(),
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
                                "@", ::core::line!(), ".", ::core::column!(), ".93518a235745ef01"
                            ),
                        });
                    enum __LarderHere {}
                    impl ::larder::__private::Described for __LarderHere {
                        const LEADS: usize = 0usize;
                        fn site() -> &'static ::larder::__private::Site {
                            &__LARDER_SITE
                        }
                    }
                    let __larder_here = || {};
                    let __larder_text = ::larder::__private::KeyPart::of(
                        &Self::make_key(self, &id, name),
                    );
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
                                (__larder_text,),
                                move |(__larder_text,), __larder_key, __larder_tags| {
                                    __larder_key
                                        .literal(::core::concat!(::core::module_path!(), "::get:"));
                                    __LARDER_SITE.place(__larder_key, __larder_here);
                                    __larder_key.part(&(*__larder_text));
                                },
                                move |(_,)| -> u64 {
                                    if false {
                                        return ::larder::__private::typed::<u64>();
                                    }
                                    { 1 }
                                },
                            ),
                    )
                }
            }
        "#]],
    );
    check(
        expand,
        quote!(key_with = |query: &Query, page| -> String { query.key(page) }),
        quote!(
            async fn get(query: &mut Query, page: u32) -> u64 {
                1
            }
        ),
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
            fn get(
                query: &mut Query,
                page: u32,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = u64>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::get"),
                        ::larder::Policy::new(),
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
                            "@", ::core::line!(), ".", ::core::column!(), ".ba646fbf97f46596"
                        ),
                    });
                enum __LarderHere {}
                impl ::larder::__private::Described for __LarderHere {
                    const LEADS: usize = 0usize;
                    fn site() -> &'static ::larder::__private::Site {
                        &__LARDER_SITE
                    }
                }
                let __larder_here = || {};
                let __larder_text = ::larder::__private::KeyPart::of(
                    &::larder::__private::text_of(
                        (&*query, &page),
                        |(query, page): (&Query, _)| -> String { query.key(page) },
                    ),
                );
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
                        (__larder_text,),
                        move |(__larder_text,), __larder_key, __larder_tags| {
                            __larder_key.literal(::core::concat!(::core::module_path!(), "::get:"));
                            __LARDER_SITE.place(__larder_key, __larder_here);
                            __larder_key.part(&(*__larder_text));
                        },
                        move |(_,)| {
                            async move {
                                if false {
                                    return ::larder::__private::typed::<u64>();
                                }
                                { 1 }
                            }
                        },
                    )
            }
        "##]],
    );
}

#[test]
fn wrong_texts_for_arguments() {
    cached(
        quote!(key_with = || "fixed"),
        &["takes all arguments that are not in `skip(...)` (here `id`), by reference"],
    );
    cached(quote!(key_with = |id| id, skip(id)), &["(there is none), by reference"]);
    cached(
        quote!(key_with = make(id), key = "{id}:{T}:{N}", skip(id)),
        &[
            "a key is either `key` or `key_with`",
            "a key is either `key` or `key_with`",
            "remove `skip(id)`",
        ],
    );
    fails(
        cached_property::expand,
        quote!(key_with = make(id)),
        quote!(
            fn get(&self) -> u64 {
                1
            }
        ),
        &["this key names no instance"],
    );
}
