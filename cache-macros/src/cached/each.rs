//! `each = "id in ids"`: a function over a list, cached for each item.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, LitStr, Token, Type};

use super::detached::{Members, load};
use super::expand::Shell;
use super::model::Model;
use super::owning::borrows;
use super::rules::{self, rules};
use super::sync::forwarded;
use super::write::tuple;
use super::{attrs, prologue};
use crate::errors::{Errors, list};
use crate::mixed::{mixed, shown_at};
use crate::plain::plain;
use crate::signature::{Argument, Function, Names, mutable_borrows};

/// The argument, and the name of its items.
pub(crate) struct Each {
    item: Ident,
    list: Ident,
    /// The index of the argument, without the receiver.
    at: usize,
    literal: LitStr,
}

impl Each {
    /// Parses `"id in ids"`.
    pub(crate) fn new(value: &Expr, function: &Function, errors: &mut Errors) -> Option<Self> {
        let Some((item, from, literal)) = read(value) else {
            errors.on(
                value,
                "`each` names an item and the argument it is in: `each = \"id in ids\"`",
            );
            return None;
        };
        let names = function.names();
        let Some(at) = function.args.iter().position(|arg| arg.ident == from) else {
            let message = format!(
                "no argument is called `{from}` (arguments of this function: {})",
                list(&names.all)
            );
            errors.at(literal.span(), message);
            return None;
        };
        if names.value(&item.to_string()).is_some() {
            let message =
                format!("`{item}` is an argument already: give the items of `{from}` another name");
            errors.at(literal.span(), message);
            return None;
        }
        can_be_repeated(function, errors);
        Some(Self { item, list: from, at, literal })
    }

    /// The name of an item.
    pub(super) fn item(&self) -> &Ident {
        &self.item
    }

    /// The index of the list's argument, without the receiver.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The names that keys and tags can use: the item replaces the list.
    pub(crate) fn names(&self, mut names: Names) -> Names {
        if let Some(whole) = names.all.iter_mut().find(|name| **name == self.list) {
            let list = std::mem::replace(whole, self.item.clone());
            names.each = Some((list, self.item.clone()));
        }
        names
    }

    /// The same as arguments.
    pub(crate) fn inputs(&self, function: &Function) -> Vec<Argument> {
        let mut inputs = function.args.clone();
        if let Some(whole) = inputs.get_mut(self.at) {
            whole.ident = self.item.clone();
            whole.span = self.literal.to_token_stream();
            whole.item = true;
        }
        inputs
    }
}

fn read(value: &Expr) -> Option<(Ident, Ident, LitStr)> {
    let Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) = value else { return None };
    let parser = |input: ParseStream<'_>| {
        let item: Ident = input.parse()?;
        input.parse::<Token![in]>()?;
        Ok((item, input.parse()?))
    };
    let tokens: TokenStream = literal.value().parse().ok()?;
    let (mut item, mut list): (Ident, Ident) = parser.parse2(tokens).ok()?;
    item.set_span(literal.span());
    list.set_span(literal.span());
    Some((item, list, literal.clone()))
}

/// Records a function that cannot be repeated: the body may run more than once in one call.
fn can_be_repeated(function: &Function, errors: &mut Errors) {
    let output = function.output();
    if borrows(&output) {
        errors.on(
            &output,
            "with `each` an item may be loaded for another caller, so the output cannot borrow from the arguments: return owned values \
             and an error that owns what it has",
        );
    }
    for borrow in mutable_borrows(function) {
        errors.on(
            &borrow,
            "with `each` the body may run again for items that another caller did not load, and a `&mut` cannot be used twice: take `&` or \
             an owned value that is `Clone`",
        );
    }
}

/// The function, which returns a `Batch`.
pub(super) fn expand(model: &Model, each: &Each) -> TokenStream {
    let shell = Shell::new(model, false);
    let (before, call) = call_of(model, each, &shell);
    let call = shell.returned(&call);
    let head = shell.head(model, &model.function.sig.ident);
    let (attributes, allowed) = (&model.function.attrs, attrs::allowed());
    let vis = &model.function.vis;
    let block = model.function.block_of(&mixed!(#before #call));
    mixed! {
        #(#attributes)*
        #allowed
        #vis #head #block
    }
}

/// The statements before the `Batch`, and the expression of the `Batch`.
pub(super) fn call_of(model: &Model, each: &Each, shell: &Shell) -> (TokenStream, TokenStream) {
    let members = Members::new(model);
    let body = load(model, shell, &members);
    let (site, items) = (prologue::site(model), items(model, each, shell));
    let (rules, call) = (rules_of(model, shell), call(model, each, shell, members));
    (mixed!(#site #items #rules #body), call)
}

/// `fn name(..) -> Batch<..> where ..`
pub(super) fn head(model: &Model, each: &Each, shell: &Shell, name: &Ident) -> TokenStream {
    let (larder, private) = (&model.root.larder, &model.root.private);
    let (ids, output) = (ids(private, each, shell), &shell.output);
    let load = mixed!(#private::LoadEach<Id = #ids::Id, Output = #output>);
    shell.head_of(model, name, &mixed!(#larder::Batch), &load)
}

/// `let mut batch`, with a key for each item.
fn items(model: &Model, each: &Each, shell: &Shell) -> TokenStream {
    let (private, item) = (&model.root.private, &each.item);
    let skip = model.conditions.fetch();
    let as_named = |ident: Ident| ident.into_token_stream();
    let (key, tags) = (prologue::key(model, &as_named), prologue::tags(model, &as_named));
    let (here, traits) = (prologue::here(model), prologue::traits(model));
    let text = prologue::text_statement(model);
    let name = &model.function.args[each.at].ident;
    let whole = if by_reference(each, shell).is_some() { mixed!(#name) } else { mixed!(&#name) };
    let ids = ids(private, each, shell);
    let ttl = prologue::ttl_of_call(model).map(|ttl| mixed!(.ttl(#ttl)));
    let policy = prologue::policy_of_call(model).map(|policy| mixed!(.policy(#policy)));
    let batch =
        mixed!(#private::FetchEach::<__LarderHere, _>::new(#ids::count(#whole)) #policy #ttl #skip);
    let batch = prologue::on_cache(model, &batch);
    // The validation has reported an item that is neither in the key nor in the tags.
    mixed! {
        #here
        let mut __larder_batch = #batch;
        for #item in #ids::each(#whole) {
            if __larder_batch.is_new(#item) {
                #text
                __larder_batch.push(#item, |__larder_key, __larder_tags| {
                    #traits
                    #key
                    #tags
                });
            }
        }
    }
}

/// `let rules` for one item.
fn rules_of(model: &Model, shell: &Shell) -> TokenStream {
    let private = &model.root.private;
    let whole = prologue::shape(private, &shell.output);
    let shape = match model.policy.none_ttl {
        Some(_) => mixed!(#private::asked),
        None => mixed!(#private::found),
    };
    let shape = mixed!(let __larder_shape = #whole; let __larder_shape = #shape(__larder_shape, &__larder_batch););
    let (shape, rules) = (at_output(model, &shape), rules::statements(model));
    mixed!(#shape #rules)
}

/// rustc shows its errors about `tokens` at the return type.
fn at_output(model: &Model, tokens: &TokenStream) -> TokenStream {
    shown_at(model.function.output().span(), tokens)
}

fn call(model: &Model, each: &Each, shell: &Shell, members: Members) -> TokenStream {
    let private = &model.root.private;
    let rules = rules(model);
    let Members { names, clones, passed, .. } = members;
    let receiver = usize::from(model.function.receiver().is_some());
    let at = receiver + each.at;
    let without = |members: &[TokenStream]| -> Vec<TokenStream> {
        let others = members.iter().enumerate().filter(|(index, _)| *index != at);
        others.map(|(_, member)| member.clone()).collect()
    };
    let args = forwarded(model);
    let demands = demands(model, each);
    let (args, others) = (tuple(&without(&args)), tuple(&without(&names)));
    let ids = ids(private, each, shell);
    let ids_passed = match by_reference(each, shell) {
        Some(_) => mixed!(::core::borrow::Borrow::borrow(&__larder_ids)),
        None => mixed!(__larder_ids),
    };
    let mut given = names.clone();
    given[at].clone_from(&ids_passed);
    let gather = mixed!(let __larder_ids = #ids::gather(__larder_ids););
    if !model.function.is_async() {
        let front = mixed!(move |#others, __larder_ids| { #gather __larder_load(#(#given),*) });
        let call = at_output(model, &mixed!(__larder_batch.call_sync));
        return mixed!(#demands #call(#rules, #args, #front));
    }
    let front = mixed! {
        move |#others, __larder_ids| async move {
            #gather
            __larder_load(#(#given),*).await
        }
    };
    if !model.policy.detaches(&model.function) {
        let call = at_output(model, &mixed!(__larder_batch.call));
        return mixed!(#demands #call(#rules, #args, #front));
    }
    let mut owned = passed.clone();
    owned[at] = ids_passed;
    let (clones, again) = (without(&clones), without(&names));
    let call = at_output(model, &mixed!(__larder_batch.call_refreshing));
    mixed! {
        #demands
        #call(#rules, #args, #front, move |#others| {
            #(#clones)*
            move |__larder_ids| {
                #(let #again = #private::again(&#again);)*
                async move {
                    let __larder_ids = #ids::gather(__larder_ids);
                    __larder_load(#(#owned),*).await
                }
            }
        })
    }
}

/// rustc shows its error about an owned argument that is not `Clone` at the argument.
fn demands(model: &Model, each: &Each) -> TokenStream {
    let private = &model.root.private;
    let others = model.function.args.iter().enumerate().filter(|(index, _)| *index != each.at);
    let owned = others.filter(|(_, arg)| arg.reference().is_none());
    let demands = owned.map(|(_, arg)| {
        let name = &arg.ident;
        let repeats = shown_at(name.span(), &mixed!(#private::repeats));
        mixed!(#repeats(&#name);)
    });
    demands.collect()
}

/// `<List as Ids>`
fn ids(private: &TokenStream, each: &Each, shell: &Shell) -> TokenStream {
    let ty = by_reference(each, shell).unwrap_or_else(|| shell.type_of(each.at));
    let shown = Span::mixed_site().located_at(ty.span());
    quote_spanned!(shown=> <#ty as #private::Ids>)
}

/// The list type, if the function takes a reference to it.
fn by_reference<'a>(each: &Each, shell: &'a Shell) -> Option<&'a Type> {
    match plain(shell.type_of(each.at)) {
        Type::Reference(reference) => Some(&reference.elem),
        _ => None,
    }
}
