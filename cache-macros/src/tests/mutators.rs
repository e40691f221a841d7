//! `#[cache_evict]` and `#[cache_put]`.

use super::{check, check_method, expect, quote};
use crate::{cache_evict, cache_put};

#[test]
fn soft_evictions() {
    check(
        cache_evict::expand,
        quote!(tags = ["users"], key = "user:{result.id}", soft),
        quote! {
            async fn rename(id: u64) -> Result<User, DbError> {
                rename_now(id).await
            }
        },
        &expect![[r##"
            #[allow(clippy::must_use_candidate)]
            async fn rename(id: u64) -> Result<User, DbError> {
                let _ = &id;
                enum __LarderHere {}
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions
                    .tag({
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("users");
                        __larder_key
                    });
                let __larder_evictions = __larder_evictions.soft();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { rename_now(id).await }
                }
                    .await;
                let __larder_evictions = match ::larder::__private::Shape::value(
                    {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                    },
                    &__larder_output,
                ) {
                    ::core::option::Option::Some(result) => {
                        __larder_evictions
                            .key_around::<
                                __LarderHere,
                                _,
                            >(
                                {
                                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                                    let mut __larder_key = ::larder::__private::KeyBuf::new();
                                    __larder_key.literal("user:");
                                    (&::larder::__private::Field(&result.id))
                                        .push(&mut __larder_key);
                                    __larder_key
                                },
                                || {},
                            )
                            .soft()
                    }
                    ::core::option::Option::None => __larder_evictions,
                };
                __larder_evictions.run().await;
                __larder_output
            }
        "##]],
    );
}

#[test]
fn evict_calls_keys_patterns_and_tags() {
    check(
        cache_evict::expand,
        quote!(
            get_user(db, id),
            key = "user:{id}",
            pattern = "page:*:{id}",
            tags = ["users", "user:{id}"],
            all
        ),
        quote! {
            /// Updates.
            pub async fn update_user(db: &Db, id: u64, patch: Patch) -> Result<User, DbError> {
                db.update(id, patch).await
            }
        },
        &expect![[r#"
            /// Updates.
            #[allow(clippy::must_use_candidate)]
            pub async fn update_user(db: &Db, id: u64, patch: Patch) -> Result<User, DbError> {
                let _ = &db;
                let _ = &id;
                let _ = &patch;
                enum __LarderHere {}
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions.call(get_user(db, id));
                let __larder_evictions = __larder_evictions
                    .key_around::<
                        __LarderHere,
                        _,
                    >(
                        {
                            use ::larder::__private::{PushDisplay as _, PushExact as _};
                            let mut __larder_key = ::larder::__private::KeyBuf::new();
                            __larder_key.literal("user:");
                            (&::larder::__private::Field(&id)).push(&mut __larder_key);
                            __larder_key
                        },
                        || {},
                    );
                let __larder_evictions = __larder_evictions
                    .pattern({
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("page:*:");
                        (&::larder::__private::Field(&id)).push(&mut __larder_key);
                        __larder_key
                    });
                let __larder_evictions = __larder_evictions
                    .tag({
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("users");
                        __larder_key
                    });
                let __larder_evictions = __larder_evictions
                    .tag({
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("user:");
                        (&::larder::__private::Field(&id)).push(&mut __larder_key);
                        __larder_key
                    });
                let __larder_evictions = __larder_evictions.all();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { db.update(id, patch).await }
                }
                    .await;
                __larder_evictions.run().await;
                __larder_output
            }
        "#]],
    );
}

#[test]
fn evict_by_the_result() {
    check_method(
        cache_evict::expand,
        quote!(self.get(result.id), key = "user:{result.id}", keys = ["users"], cache = "people"),
        quote! {
            async fn create(&self, user: User) -> Result<User, DbError> {
                self.db.create(user).await
            }
        },
        &expect![[r#"
            impl Type {
                #[allow(clippy::must_use_candidate)]
                async fn create(&self, user: User) -> Result<User, DbError> {
                    let _ = &self;
                    let _ = &user;
                    enum __LarderHere {}
                    let __larder_evictions = ::larder::__private::Evictions::named("people");
                    let __larder_evictions = __larder_evictions
                        .key_around::<
                            __LarderHere,
                            _,
                        >(
                            {
                                let mut __larder_key = ::larder::__private::KeyBuf::new();
                                __larder_key.literal("users");
                                __larder_key
                            },
                            || {},
                        );
                    #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                    let __larder_output = async move {
                        if false {
                            return ::larder::__private::typed::<Result<User, DbError>>();
                        }
                        { self.db.create(user).await }
                    }
                        .await;
                    let __larder_evictions = match ::larder::__private::Shape::value(
                        {
                            use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                            use ::larder::__private::ShapeShared as _;
                            (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                        },
                        &__larder_output,
                    ) {
                        ::core::option::Option::Some(result) => {
                            __larder_evictions
                                .call(self.get(result.id))
                                .key_around::<
                                    __LarderHere,
                                    _,
                                >(
                                    {
                                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                                        __larder_key.literal("user:");
                                        (&::larder::__private::Field(&result.id))
                                            .push(&mut __larder_key);
                                        __larder_key
                                    },
                                    || {},
                                )
                        }
                        ::core::option::Option::None => __larder_evictions,
                    };
                    __larder_evictions.run().await;
                    __larder_output
                }
            }
        "#]],
    );
}

#[test]
fn evict_before_a_sync_body() {
    check(
        cache_evict::expand,
        quote!(call!(fib(n)), before, cache = &handle),
        quote! {
            fn reset(n: u64) {
                RESETS.add(n);
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            fn reset(n: u64) {
                let _ = &n;
                let __larder_evictions = match &handle {
                    __larder_handle => ::larder::__private::Evictions::on(__larder_handle),
                };
                let __larder_evictions = __larder_evictions.call(call!(fib(n)));
                __larder_evictions.run_before_blocking();
                (move || -> () {
                    RESETS.add(n);
                })()
            }
        "#]],
    );
}

#[test]
fn evict_after_a_sync_body_of_opaque_type() {
    check(
        cache_evict::expand,
        quote!(all),
        quote! {
            fn reset(n: u64) -> impl Iterator<Item = u64> {
                0..n
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            fn reset(n: u64) -> impl Iterator<Item = u64> {
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions.all();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = (move || { 0..n })();
                __larder_evictions.run_blocking();
                __larder_output
            }
        "#]],
    );
}

#[test]
fn an_argument_called_result_is_that_argument() {
    let text = super::pretty(cache_evict::expand(
        quote!(key = "{result}"),
        quote!(
            fn set(result: u64) -> u64 {
                result
            }
        ),
    ));
    assert!(!text.contains("match"), "{text}");
}

#[test]
fn fields_and_modules_called_result_are_not_the_result() {
    for target in [quote!(get(x.result)), quote!(result::get(x)), quote!(x.result())] {
        let text = super::pretty(cache_evict::expand(
            target,
            quote!(
                fn set(x: X) -> u64 {
                    0
                }
            ),
        ));
        assert!(!text.contains("match"), "{text}");
    }
}

#[test]
fn put_known_before() {
    check(
        cache_put::expand,
        quote!(get_user(db, user.id)),
        quote! {
            async fn save_user(db: &Db, user: User) -> Result<User, DbError> {
                db.save(user).await
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            async fn save_user(db: &Db, user: User) -> Result<User, DbError> {
                let _ = &db;
                let _ = &user;
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                let __larder_put = {
                    let __larder_call = get_user(db, user.id);
                    let __larder_puts = {
                        use ::larder::__private::{PutsSame as _, PutsSome as _};
                        (&::larder::__private::PutProbe::of(&__larder_call, __larder_shape)).puts()
                    };
                    ::larder::__private::WriteThrough::new(__larder_call, __larder_puts)
                };
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { db.save(user).await }
                }
                    .await;
                let __larder_value = ::larder::__private::Shape::value(
                        __larder_shape,
                        &__larder_output,
                    )
                    .cloned();
                __larder_put.finish(__larder_value).await;
                __larder_output
            }
        "#]],
    );
}

#[test]
fn put_by_the_result() {
    check(
        cache_put::expand,
        quote!(call!(get_user(result.id))),
        quote! {
            fn save_user(user: User) -> Result<User, DbError> {
                save(user)
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            fn save_user(user: User) -> Result<User, DbError> {
                let _ = &user;
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = (move || -> Result<User, DbError> { save(user) })();
                if let ::core::option::Option::Some(result) = ::larder::__private::Shape::value(
                    __larder_shape,
                    &__larder_output,
                ) {
                    let __larder_put = {
                        let __larder_call = call!(get_user(result.id));
                        let __larder_puts = {
                            use ::larder::__private::{PutsSame as _, PutsSome as _};
                            (&::larder::__private::PutProbe::of(&__larder_call, __larder_shape))
                                .puts()
                        };
                        ::larder::__private::WriteThrough::new(__larder_call, __larder_puts)
                    };
                    let __larder_value = ::larder::__private::Shape::value(
                            __larder_shape,
                            &__larder_output,
                        )
                        .cloned();
                    __larder_put.finish_blocking(__larder_value);
                }
                __larder_output
            }
        "#]],
    );
}

#[test]
fn evict_only_after_an_ok() {
    check(
        cache_evict::expand,
        quote!(key = "user:{id}", on = "ok"),
        quote! {
            async fn update(id: u64) -> Result<(), DbError> {
                db.update(id).await
            }
        },
        &expect![[r##"
            #[allow(clippy::must_use_candidate)]
            async fn update(id: u64) -> Result<(), DbError> {
                let _ = &id;
                enum __LarderHere {}
                let __larder_evictions = ::larder::__private::Evictions::new().held();
                let __larder_evictions = __larder_evictions
                    .key_around::<
                        __LarderHere,
                        _,
                    >(
                        {
                            use ::larder::__private::{PushDisplay as _, PushExact as _};
                            let mut __larder_key = ::larder::__private::KeyBuf::new();
                            __larder_key.literal("user:");
                            (&::larder::__private::Field(&id)).push(&mut __larder_key);
                            __larder_key
                        },
                        || {},
                    );
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<(), DbError>>();
                    }
                    { db.update(id).await }
                }
                    .await;
                let __larder_evictions = match ::larder::__private::Shape::value(
                    {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<Result<(), DbError>>::new()).shape()
                    },
                    &__larder_output,
                ) {
                    ::core::option::Option::Some(_) => {
                        let __larder_evictions = __larder_evictions.released();
                        __larder_evictions
                    }
                    ::core::option::Option::None => __larder_evictions,
                };
                __larder_evictions.run().await;
                __larder_output
            }
        "##]],
    );
}

#[test]
fn evict_by_the_result_and_by_arguments_that_the_body_takes() {
    check(
        cache_evict::expand,
        quote!(
            get(&user.team, result.id),
            key = "user:{user.team}:{result.id}",
            tags = ["users"],
            on = "ok",
            when = user.active && result.is_ok()
        ),
        quote! {
            fn save(db: &Db, user: User) -> Result<Saved, DbError> {
                db.save(user)
            }
        },
        &expect![[r##"
            #[allow(clippy::must_use_candidate)]
            fn save(db: &Db, user: User) -> Result<Saved, DbError> {
                let _ = &db;
                let _ = &user;
                enum __LarderHere {}
                let __larder_evictions = ::larder::__private::Evictions::new().held();
                let __larder_evictions = __larder_evictions
                    .tag({
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("users");
                        __larder_key
                    });
                let __larder_piece0 = {
                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                    let mut __larder_key = ::larder::__private::KeyBuf::new();
                    (&::larder::__private::Field(&user.team)).push(&mut __larder_key);
                    __larder_key
                };
                let __larder_kept_user = ::larder::__private::kept(&user);
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = (move || -> Result<Saved, DbError> { db.save(user) })();
                let __larder_evictions = {
                    #[allow(unused_variables)]
                    let user = __larder_kept_user;
                    match ::larder::__private::Shape::value(
                        {
                            use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                            use ::larder::__private::ShapeShared as _;
                            (&&&::larder::__private::Probe::<Result<Saved, DbError>>::new()).shape()
                        },
                        &__larder_output,
                    ) {
                        ::core::option::Option::Some(result) => {
                            let __larder_evictions = __larder_evictions.released();
                            match {
                                #[allow(unused_variables)]
                                let result = &__larder_output;
                                let __larder_wanted: ::core::primitive::bool = user.active
                                    && result.is_ok();
                                __larder_wanted
                            } {
                                true => {
                                    __larder_evictions
                                        .call(get(&user.team, result.id))
                                        .key_around::<
                                            __LarderHere,
                                            _,
                                        >(
                                            {
                                                use ::larder::__private::{PushDisplay as _, PushExact as _};
                                                let mut __larder_key = ::larder::__private::KeyBuf::new();
                                                __larder_key.literal("user:");
                                                __larder_key.literal(__larder_piece0.as_str());
                                                __larder_key.literal(":");
                                                (&::larder::__private::Field(&result.id))
                                                    .push(&mut __larder_key);
                                                __larder_key
                                            },
                                            || {},
                                        )
                                }
                                false => __larder_evictions.none(),
                            }
                        }
                        ::core::option::Option::None => __larder_evictions,
                    }
                };
                __larder_evictions.run_blocking();
                __larder_output
            }
        "##]],
    );
}

#[test]
fn evict_when() {
    check(
        cache_evict::expand,
        quote!(all, when = *result > 0),
        quote! {
            fn delete(ids: &[u64]) -> usize {
                remove(ids)
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            fn delete(ids: &[u64]) -> usize {
                let _ = &ids;
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions.all();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = (move || -> usize { remove(ids) })();
                let __larder_evictions = match {
                    #[allow(unused_variables)]
                    let result = &__larder_output;
                    let __larder_wanted: ::core::primitive::bool = *result > 0;
                    __larder_wanted
                } {
                    true => __larder_evictions,
                    false => __larder_evictions.none(),
                };
                __larder_evictions.run_blocking();
                __larder_output
            }
        "#]],
    );
}

#[test]
fn put_under_conditions() {
    check(
        cache_put::expand,
        quote!(get_user(id), on = "ok", when = name.is_some()),
        quote! {
            async fn rename(id: u64, name: Option<String>) -> Result<User, DbError> {
                store(id, name).await
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            async fn rename(id: u64, name: Option<String>) -> Result<User, DbError> {
                let _ = &id;
                let _ = &name;
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                let __larder_put = {
                    let __larder_call = get_user(id);
                    let __larder_puts = {
                        use ::larder::__private::{PutsSame as _, PutsSome as _};
                        (&::larder::__private::PutProbe::of(&__larder_call, __larder_shape)).puts()
                    };
                    ::larder::__private::WriteThrough::new(__larder_call, __larder_puts)
                }
                    .on_ok();
                let __larder_kept_name = ::larder::__private::kept(&name);
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { store(id, name).await }
                }
                    .await;
                let __larder_value = ::larder::__private::Shape::value(
                        __larder_shape,
                        &__larder_output,
                    )
                    .cloned();
                let __larder_put = {
                    #[allow(unused_variables)]
                    let name = __larder_kept_name;
                    __larder_put
                        .only_if({
                            #[allow(unused_variables)]
                            let result = &__larder_output;
                            let __larder_wanted: ::core::primitive::bool = name.is_some();
                            __larder_wanted
                        })
                };
                __larder_put.finish(__larder_value).await;
                __larder_output
            }
        "#]],
    );
}

#[test]
fn a_borrow_for_writing_is_left_to_the_body_until_it_ends() {
    let text = super::pretty(cache_evict::expand(
        quote!(get(list, result)),
        quote!(
            async fn push(list: &mut List) -> u64 {
                list.push(1)
            }
        ),
    ));
    assert!(text.contains("= async {"), "{text}");
    assert!(!text.contains("kept"), "{text}");
}

#[test]
fn the_text_of_a_macro_may_use_the_result() {
    let text = super::pretty(cache_evict::expand(
        quote!(get(&format!("{result}"))),
        quote!(
            fn set(x: X) -> u64 {
                0
            }
        ),
    ));
    assert!(text.contains("Some(result)"), "{text}");
}

#[test]
fn in_conditions_too_an_argument_called_result_is_that_argument() {
    let text = super::pretty(cache_evict::expand(
        quote!(all, when = result > 0),
        quote!(
            fn set(result: u64, key: u8, when: u8) -> u64 {
                result
            }
        ),
    ));
    assert!(!text.contains("let result = &"), "{text}");
    assert!(
        text.contains("let __larder_kept_result = ::larder::__private::kept(&result)"),
        "{text}"
    );
}

#[test]
fn evict_the_entries_of_functions() {
    check(
        cache_evict::expand,
        quote!(list(db, result.team, ..).tenant(tenant), call!(fib(..))),
        quote! {
            async fn update(db: &Db, tenant: &str) -> User {
                db.update().await
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            async fn update(db: &Db, tenant: &str) -> User {
                let _ = &db;
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions
                    .call({
                        let __larder_leads = ::larder::__private::leads(fib::__larder_call);
                        __larder_leads.own_entries({ [] })
                    });
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<User>();
                    }
                    { db.update().await }
                }
                    .await;
                let __larder_evictions = match ::larder::__private::Shape::value(
                    {
                        use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                        use ::larder::__private::ShapeShared as _;
                        (&&&::larder::__private::Probe::<User>::new()).shape()
                    },
                    &__larder_output,
                ) {
                    ::core::option::Option::Some(result) => {
                        __larder_evictions
                            .call({
                                let __larder_leads = ::larder::__private::leads(list);
                                let (__larder_lead0, __larder_leads) = __larder_leads.next(db);
                                let (__larder_lead1, __larder_leads) = __larder_leads
                                    .next(result.team);
                                __larder_leads
                                    .own_entries({
                                        use ::larder::__private::{
                                            LeadDisplay as _, LeadExact as _, LeadSerialize as _,
                                            LeadSkipped as _, LeadUnwritten as _,
                                        };
                                        [
                                            ::larder::__private::lead_texts(
                                                (&::larder::__private::Lead(&__larder_lead0)).automatic(),
                                                (&&&::larder::__private::Lead(&__larder_lead0)).template(),
                                            ),
                                            ::larder::__private::lead_texts(
                                                (&::larder::__private::Lead(&__larder_lead1)).automatic(),
                                                (&&&::larder::__private::Lead(&__larder_lead1)).template(),
                                            ),
                                        ]
                                    })
                                    .tenant(tenant)
                            })
                    }
                    ::core::option::Option::None => __larder_evictions,
                };
                __larder_evictions.run().await;
                __larder_output
            }
        "#]],
    );
}

#[test]
fn put_another_value() {
    check(
        cache_put::expand,
        quote!(find(user.id), value = Some(user.clone())),
        quote! {
            fn save(user: User) -> Result<(), E> {
                store(user)
            }
        },
        &expect![[r#"
            #[allow(clippy::must_use_candidate)]
            fn save(user: User) -> Result<(), E> {
                let _ = &user;
                let __larder_shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _};
                    use ::larder::__private::ShapeShared as _;
                    (&&&::larder::__private::Probe::<Result<(), E>>::new()).shape()
                };
                let __larder_put = ::larder::__private::WriteThrough::new(
                    find(user.id),
                    ::larder::__private::put_same(),
                );
                let __larder_kept_user = ::larder::__private::kept(&user);
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = (move || -> Result<(), E> { store(user) })();
                let __larder_value = match ::larder::__private::Shape::value(
                    __larder_shape,
                    &__larder_output,
                ) {
                    #[allow(unused_variables)]
                    ::core::option::Option::Some(result) => {
                        #[allow(unused_variables)]
                        let user = __larder_kept_user;
                        ::core::option::Option::Some(
                            ::larder::__private::put_value(&__larder_put, Some(user.clone())),
                        )
                    }
                    ::core::option::Option::None => ::core::option::Option::None,
                };
                __larder_put.finish_blocking(__larder_value);
                __larder_output
            }
        "#]],
    );
}
