//! `model`, `op`, `invalidate_on` and `events`.

use super::{check, expect, fails, quote};
use crate::{cache_evict, cached};

#[test]
fn an_operation_of_a_model() {
    check(
        cached::expand,
        quote!(model = "user", op = "list", key_prefix = "shop", tags = ["lists"], invalidate_on = [UserRenamed, Saved<User>]),
        quote!(
            async fn users(page: u32) -> Vec<User> {
                load(page).await
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
            fn users(
                page: u32,
            ) -> ::larder::Call<impl ::larder::__private::Load<Output = Vec<User>>> {
                static __LARDER_SITE: ::larder::__private::Site = ::larder::__private::Site::new(
                        ::core::concat!(::core::module_path!(), "::users"),
                        ::larder::Policy::new().tags(&["lists", "model:user", "model:user:list"]),
                    )
                    .parts(
                        &[
                            ::larder::__private::Part::Text("shop:user:list:"),
                            ::larder::__private::Part::Arguments {
                                types: false,
                                positions: &[0usize],
                            },
                            ::larder::__private::Part::Instance,
                        ],
                    )
                    .compared(::core::concat!(::core::file!(), ":", ::core::line!()))
                    .operation("model:user:list")
                    .events(
                        &[
                            ::larder::__private::event_tag::<UserRenamed>,
                            ::larder::__private::event_tag::<Saved<User>>,
                        ],
                    );
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
                    (&&&::larder::__private::Probe::<Vec<User>>::new()).shape()
                };
                let __larder_rules = move || ::larder::__private::Rules::new(
                    __larder_shape,
                    ::larder::__private::remote(__larder_shape),
                );
                ::larder::__private::Fetch::<__LarderHere>::new()
                    .call(
                        __larder_rules,
                        (page,),
                        move |(page,), __larder_key, __larder_tags| {
                            __larder_key.literal("shop:user:list:");
                            __LARDER_SITE.instance::<__LarderHere, _>(__larder_key, __larder_here);
                            __larder_key.arg(&(*page));
                        },
                        move |(page,)| {
                            let _ = &page;
                            async move {
                                let _ = &page;
                                if false {
                                    return ::larder::__private::typed::<Vec<User>>();
                                }
                                { load(page).await }
                            }
                        },
                    )
            }
        "##]],
    );
}

#[test]
fn a_mutator_of_a_model() {
    check(
        cache_evict::expand,
        quote!(model = "user", op = "list", events = [events::Saved<User>]),
        quote!(
            async fn save(user: User) {}
        ),
        &expect![[r##"
            #[allow(clippy::must_use_candidate)]
            async fn save(user: User) {
                let __larder_evictions = ::larder::__private::Evictions::new();
                let __larder_evictions = __larder_evictions
                    .tag({
                        let mut __larder_key = ::larder::__private::KeyBuf::new();
                        __larder_key.literal("model:user:list");
                        __larder_key
                    });
                let __larder_evictions = __larder_evictions.event::<events::Saved<User>>();
                #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
                let __larder_output = async move {
                    if false {
                        return ::larder::__private::typed::<()>();
                    }
                    {}
                }
                    .await;
                __larder_evictions.run().await;
                __larder_output
            }
        "##]],
    );
}

#[test]
fn invalid_model_names() {
    let cached = |args, part| {
        let function = quote!(
            async fn get<T>(id: u64) -> u64 {
                id
            }
        );
        fails(cached::expand, args, function, &[part]);
    };
    cached(quote!(model = "user"), "`model` needs an `op`");
    cached(quote!(op = "get"), "add `model = \"user\"`, or remove `op`");
    cached(quote!(model = "", op = "get"), "`model` is empty: write a name such as \"user\"");
    cached(quote!(model = "user", op = "get:all"), "`op` is a name, and cannot contain `:`");
    cached(quote!(model = "user*", op = "get"), "`model` is a name, and cannot contain `*`");
    cached(quote!(model = User, op = "get"), "`model` is a name such as \"user\"");
    cached(quote!(model, op = "get"), "`model` needs a value");
    let list = "`invalidate_on` takes a list of the events' types: `invalidate_on = [UserSaved, Saved<User>]`";
    cached(quote!(invalidate_on = ["saved"]), list);
    cached(quote!(invalidate_on = UserSaved), list);
    cached(quote!(invalidate_on(UserSaved)), list);
    cached(quote!(invalidate_on = []), list);
    cached(quote!(invalidate_on = [Saved<T>]), "it cannot use `T`");
    cached(quote!(invalidate_on = [Saved<Self>]), "it cannot use `Self`");
}

#[test]
fn invalid_targets() {
    let evict = |args, part| {
        let function = quote!(
            async fn save(id: u64) {}
        );
        fails(cache_evict::expand, args, function, &[part]);
    };
    evict(quote!(op = "list"), "add `model = \"user\"`, or remove `op`");
    evict(quote!(events = []), "`events` takes a list of the events' types");
    evict(quote!(), "`tags`, `model`, `events` or `all`");
}
