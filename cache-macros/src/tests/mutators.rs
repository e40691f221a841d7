//! `#[cache_evict]` and `#[cache_put]`.

use super::{check, check_method, expect, quote};
use crate::{cache_evict, cache_put};

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
            pub async fn update_user(db: &Db, id: u64, patch: Patch) -> Result<User, DbError> {
                let evictions = ::larder::__private::Evictions::new();
                let evictions = evictions.call(get_user(db, id));
                let evictions = evictions
                    .key({
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("user:");
                        (&::larder::__private::Field(&id)).push(&mut key);
                        key
                    });
                let evictions = evictions
                    .pattern({
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("page:*:");
                        (&::larder::__private::Field(&id)).push(&mut key);
                        key
                    });
                let evictions = evictions
                    .tag({
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("users");
                        key
                    });
                let evictions = evictions
                    .tag({
                        use ::larder::__private::{PushDisplay as _, PushExact as _};
                        let mut key = ::larder::__private::KeyBuf::new();
                        key.literal("user:");
                        (&::larder::__private::Field(&id)).push(&mut key);
                        key
                    });
                let evictions = evictions.all();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { db.update(id, patch).await }
                }
                    .await;
                evictions.run().await;
                output
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
                async fn create(&self, user: User) -> Result<User, DbError> {
                    let evictions = ::larder::__private::Evictions::named("people");
                    let evictions = evictions
                        .key({
                            let mut key = ::larder::__private::KeyBuf::new();
                            key.literal("users");
                            key
                        });
                    #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                    let output = async {
                        if false {
                            return ::larder::__private::typed::<Result<User, DbError>>();
                        }
                        { self.db.create(user).await }
                    }
                        .await;
                    let evictions = match ::larder::__private::Shape::value(
                        {
                            use ::larder::__private::{
                                ShapePlain as _, ShapeResult as _, ShapeShared as _,
                            };
                            (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                        },
                        &output,
                    ) {
                        ::core::option::Option::Some(result) => {
                            evictions
                                .call(self.get(result.id))
                                .key({
                                    use ::larder::__private::{PushDisplay as _, PushExact as _};
                                    let mut key = ::larder::__private::KeyBuf::new();
                                    key.literal("user:");
                                    (&::larder::__private::Field(&result.id)).push(&mut key);
                                    key
                                })
                        }
                        ::core::option::Option::None => evictions,
                    };
                    evictions.run().await;
                    output
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
            fn reset(n: u64) {
                let evictions = ::larder::__private::Evictions::on(&handle);
                let evictions = evictions.call(call!(fib(n)));
                evictions.run_before_blocking();
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
            fn reset(n: u64) -> impl Iterator<Item = u64> {
                let evictions = ::larder::__private::Evictions::new();
                let evictions = evictions.all();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let output = (move || { 0..n })();
                evictions.run_blocking();
                output
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
            async fn save_user(db: &Db, user: User) -> Result<User, DbError> {
                let shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                let put = ::larder::__private::WriteThrough::new(get_user(db, user.id), shape);
                #[allow(clippy::redundant_closure_call)]
                let output = async move {
                    if false {
                        return ::larder::__private::typed::<Result<User, DbError>>();
                    }
                    { db.save(user).await }
                }
                    .await;
                put.finish(&output).await;
                output
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
            fn save_user(user: User) -> Result<User, DbError> {
                let shape = {
                    use ::larder::__private::{ShapePlain as _, ShapeResult as _, ShapeShared as _};
                    (&&&::larder::__private::Probe::<Result<User, DbError>>::new()).shape()
                };
                #[allow(clippy::redundant_closure_call)]
                let output = (|| -> Result<User, DbError> { save(user) })();
                if let ::core::option::Option::Some(result) = ::larder::__private::Shape::value(
                    shape,
                    &output,
                ) {
                    ::larder::__private::WriteThrough::new(call!(get_user(result.id)), shape)
                        .finish_blocking(&output);
                }
                output
            }
        "#]],
    );
}
