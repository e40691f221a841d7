//! Loads that may go on in the background (refreshes, timeouts). Such a load may outlive its
//! caller, so the body becomes a closure that takes either the caller's arguments or clones of
//! them.
//!
//! It is a closure and not a second function, because the implementation of a trait has no room for
//! one.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Receiver, ReceiverKind, Type, parse_quote};

use super::expand::{Shell, patterns};
use super::model::Model;
use super::owning::{Owning, anonymous};
use super::prologue;
use super::rules::rules;
use super::write::{self, tuple};
use crate::elsewhere::{moved, this};
use crate::mixed::{mixed, shown_at};
use crate::plain::plain;
use crate::returns::is_opaque;
use crate::signature::{Argument, Held, held};

/// The function, with its load as a closure.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let shell = Shell::new(model, false);
    let members = Members::new(model);
    let load = load(model, &shell, &members);
    let (fetch, rules) = (prologue::fetch(model), rules(model));
    let (args, write, direct) = members.written(model);
    let private = &model.root.private;
    let (call, before) = match (asks_base(model), model.policy.repeats()) {
        (true, _) => {
            let (call, direct) = write::called("call", direct.as_ref());
            let call = mixed!(#private::Background::<__LARDER_GOES_ON>::#call);
            (call, mixed!(#fetch, #direct))
        }
        (false, repeats) => {
            let method = if repeats.is_some() { "call_repeating" } else { "call_refreshing" };
            let (call, direct) = write::called(method, direct.as_ref());
            (mixed!(#fetch.#call), mixed!(#direct))
        }
    };
    let (names, held, clones, passed) =
        (members.taken(&args), &members.names, &members.clones, &members.passed);
    let args = tuple(&args);
    let first = match prologue::take_previous(model) {
        Some(take) => mixed! {
            move |#names| {
                let __larder_previous = #take;
                async move { __larder_load(#(#held,)* __larder_previous).await }
            }
        },
        None => mixed!(move |#names| async move { __larder_load(#(#held),*).await }),
    };
    let again = match prologue::take_previous(model) {
        Some(take) => mixed! {
            let __larder_previous = #take;
            async move { __larder_load(#(#passed,)* __larder_previous).await }
        },
        None => mixed!(async move { __larder_load(#(#passed),*).await }),
    };
    let again = match model.policy.repeats() {
        // The tuple is borrowed. Its copies are owned, and each load gets a copy of these.
        Some(_) => {
            let (idents, repeated) = (&members.idents, members.repeated(private));
            mixed! {
                move |#names| {
                    #repeated
                    #(#clones)*
                    move || {
                        #(let #idents = ::core::clone::Clone::clone(&#idents);)*
                        #again
                    }
                }
            }
        }
        None => mixed! {
            move |#names| {
                #(#clones)*
                #again
            }
        },
    };
    let call = mixed! {
        #call(
            #before
            #rules,
            #args,
            #write,
            #first,
            #again,
        )
    };
    shell.function(model, &load, &call)
}

/// `let load`: a closure that captures nothing, so that both uses can share it.
pub(super) fn load(model: &Model, shell: &Shell, members: &Members) -> TokenStream {
    let (private, output) = (&model.root.private, &shell.output);
    let (params, known, same) = (&members.params, &members.known, &members.same);
    let inside = |arg: &&Argument| arg.bindings.is_none() || arg.reference().is_some();
    let patterns = patterns(model.function.args.iter().filter(inside));
    let statements = moved(&model.function.block, &model.function.sig).stmts;
    let block = model.function.returns.awaited(private, &model.function.body_of(&statements));
    let previous = prologue::previous(model, output, &mixed!(__larder_previous));
    let param = previous.as_ref().map(|_| mixed!(__larder_previous: #private::Previous));
    let params = params.iter().chain(&param);
    let body = model.function.ours(&mixed!(#(#same)* #previous #patterns #block));
    let asyncness = model.function.is_async().then(|| mixed!(async));
    // Arguments that only the key or the cache uses count as used.
    mixed! {
        #(#known)*
        #[allow(unused_variables)]
        let __larder_load = #asyncness move |#(#params),*| -> #output #body;
    }
}

/// How the arguments get from the function to its load.
#[derive(Default)]
pub(super) struct Members {
    /// The arguments in the function.
    given: Vec<TokenStream>,
    idents: Vec<Ident>,
    /// Their names in the closures.
    pub(super) names: Vec<TokenStream>,
    /// The parameters of the load.
    params: Vec<TokenStream>,
    /// Statements before and inside the load that fix the type of an `impl Trait`, which closures
    /// cannot name.
    pub(super) known: Vec<TokenStream>,
    same: Vec<TokenStream>,
    /// The statements that clone borrowed arguments.
    pub(super) clones: Vec<TokenStream>,
    /// The clones, borrowed again if the load takes a reference.
    pub(super) passed: Vec<TokenStream>,
}

impl Members {
    pub(super) fn new(model: &Model) -> Self {
        let mut members = Self::default();
        if let Some(receiver) = model.function.receiver() {
            let name = this(receiver.self_token.span);
            let (mutable, ty) = (&receiver.mutability, anonymous(&receiver_type(receiver)));
            members.params.push(mixed!(#mutable #name: #ty));
            let owning = match held(receiver) {
                Held::Shared => owning(model, &name, &parse_quote!(&Self)),
                Held::Mutable | Held::Owned => Owning::as_it_is(&name),
            };
            members.given.push(receiver.self_token.to_token_stream());
            members.push(&name, owning);
        }
        // A pattern takes owned values out of an owned argument, but not out of a reference.
        let args = model.function.args.iter().flat_map(|arg| match arg.reference() {
            Some(_) => vec![arg.clone()],
            None => arg.inputs(),
        });
        for arg in &args.collect::<Vec<_>>() {
            members.param(model, arg);
            members.given.push(arg.ident.to_token_stream());
            members.push(&arg.ident, owning(model, &arg.ident, &arg.ty));
        }
        members
    }

    fn param(&mut self, model: &Model, arg: &Argument) {
        let (private, name, mutable) = (&model.root.private, &arg.ident, &arg.mutability);
        let mut ty = anonymous(&arg.ty);
        if is_opaque(&ty) || matches!(ty, Type::Infer(_)) {
            let known =
                format_ident!("__larder_known{}", self.known.len(), span = Span::mixed_site());
            let borrow = arg.reference().is_none().then(|| mixed!(&));
            self.known.push(mixed!(let #known = #private::Known::of(#borrow #name);));
            self.same.push(mixed!(#known.is(#borrow #name);));
            ty = match plain(&ty) {
                Type::Reference(_) => parse_quote!(&_),
                _ => parse_quote!(_),
            };
        }
        self.params.push(mixed!(#mutable #name: #ty));
    }

    /// The members of the call's tuple, and the closures that borrow it. Members that only the key uses come last.
    fn written(&self, model: &Model) -> (Vec<TokenStream>, TokenStream, Option<TokenStream>) {
        let mut written: Vec<_> =
            self.idents.iter().map(|name| write::written_name(model, name)).collect();
        let mut directing: Vec<_> =
            self.idents.iter().map(|name| write::directing_name(model, name)).collect();
        if model.function.receiver().is_some() {
            (written[0], directing[0]) = write::receiver_names(model);
        }
        // The load destructures a reference again. The key uses the names that the function has taken out of it.
        let apart = model.function.args.iter().filter(|arg| arg.reference().is_some());
        let apart = apart.filter_map(|arg| arg.bindings.as_ref().map(|_| arg.inputs()));
        let apart = apart.flatten().filter(|input| write::is_written(model, &input.ident));
        let apart: Vec<_> = apart.map(|input| input.ident.to_token_stream()).collect();
        let more: Vec<_> = apart.into_iter().chain(prologue::text(model)).collect();
        let computed = prologue::computed(model).into_iter().map(|(name, _)| name);
        written.extend(more.iter().cloned());
        directing.extend(more.iter().map(|_| mixed!(_)));
        written.extend(computed.clone().map(|_| mixed!(_)));
        directing.extend(computed.clone());
        let given = self.given.iter().cloned().chain(more).chain(computed).collect();
        (given, write::write(model, &written), write::direct(model, &directing))
    }

    /// The pattern with which a load takes a tuple of `args`.
    fn taken(&self, args: &[TokenStream]) -> TokenStream {
        let mut taken = self.names.clone();
        taken.resize_with(args.len(), || mixed!(_));
        tuple(&taken)
    }

    /// The statements that copy the members from references to them.
    fn repeated(&self, private: &TokenStream) -> TokenStream {
        let copies = self.idents.iter().map(|name| {
            let repeated = shown_at(name.span(), &mixed!(#private::repeated));
            let shown = Span::mixed_site().located_at(name.span());
            quote_spanned!(shown=> let #name = #repeated(#name);)
        });
        copies.collect()
    }

    fn push(&mut self, name: &Ident, owning: Owning) {
        self.idents.push(name.clone());
        self.names.push(name.to_token_stream());
        self.clones.push(owning.copy);
        self.passed.push(owning.lent);
    }
}

/// How an argument gets into a load in the background, if there may be one.
fn owning(model: &Model, name: &Ident, ty: &Type) -> Owning {
    let private = &model.root.private;
    match asks_base(model) {
        true => {
            let background = mixed!(#private::Background::<__LARDER_GOES_ON>::detached);
            Owning::by(&background, private, name, ty)
        }
        false => Owning::new(private, name, ty),
    }
}

/// Whether only rustc knows if the load may go on in the background. (The arguments of a batch are copied in any case.)
pub(super) fn asks_base(model: &Model) -> bool {
    model.each.is_none() && model.policy.asks_base(&model.function)
}

/// The type of the receiver: `&Self` for `&self`.
fn receiver_type(receiver: &Receiver) -> Type {
    match &receiver.kind {
        ReceiverKind::Reference(and, _, mutability) => parse_quote!(#and #mutability Self),
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => parse_quote!(Self),
    }
}
