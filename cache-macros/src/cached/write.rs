//! The closure that writes a call's key and tags, and the arguments that the call keeps for it.
//!
//! A call writes its key when it is polled, and again for each direction such as `evict`. The arguments that key and tags use are in
//! one tuple: the closure borrows it, and the load takes it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};

use super::key::Key;
use super::model::Model;
use super::prologue;
use crate::elsewhere::{moved, this};
use crate::mixed::mixed;
use crate::signature::{Argument, Held, held};

/// The arguments that key and tags use, and the closure that writes them.
pub(crate) struct Given {
    /// The tuple, made by the function.
    pub(super) args: TokenStream,
    /// The pattern with which the load takes the tuple.
    pub(super) taken: TokenStream,
    /// Uses of the tuple's members in the load: rustc would report a member that only the key uses.
    pub(super) uses: TokenStream,
    /// The closure that writes.
    pub(super) write: TokenStream,
    /// The closure that decides by the arguments, if there is anything to decide.
    pub(super) direct: Option<TokenStream>,
    /// Whether the load takes `self` from the tuple, under another name.
    moves_self: bool,
}

/// Whether key or tags use the argument `name`, which may be `self`.
pub(super) fn is_written(model: &Model, name: &Ident) -> bool {
    let text = name.to_string();
    let in_key = match &model.key {
        Key::Template(template) => template.mentions(&text),
        Key::Automatic { args, .. } => args.contains(name),
        // The text is made before the call. The key has the types of `impl Trait` arguments.
        Key::Custom { .. } => prologue::opaque_in_key(model).any(|opaque| opaque == *name),
        Key::Cell(_) => false,
    };
    in_key
        || model.affixes.mentions(&text)
        || prologue::tags_of_call(model).any(|tag| tag.mentions(&text))
}

/// Whether the closure that decides by the arguments uses `name`.
fn is_directing(model: &Model, name: &Ident) -> bool {
    model.conditions.copied.uses(name)
}

/// Whether a closure that borrows the tuple uses `name`.
fn is_needed(model: &Model, name: &Ident) -> bool {
    is_written(model, name) || is_directing(model, name)
}

/// The receiver, if a closure that borrows the tuple uses it.
fn needed_receiver(model: &Model) -> Option<&syn::Receiver> {
    let receiver = model.function.receiver()?;
    is_needed(model, &Ident::new("self", receiver.self_token.span)).then_some(receiver)
}

/// The patterns of the receiver in the closures that write and that direct.
pub(super) fn receiver_names(model: &Model) -> (TokenStream, TokenStream) {
    let Some(receiver) = model.function.receiver() else { return (mixed!(_), mixed!(_)) };
    let span = receiver.self_token.span;
    let own = Ident::new("self", span);
    let name = |uses: bool| if uses { this(span).into_token_stream() } else { mixed!(_) };
    (name(is_written(model, &own)), name(is_directing(model, &own)))
}

/// Whether `mut` stays at an argument of the function, or at its receiver (`None`): the load captures that argument.
pub(super) fn keeps_mut(model: &Model, argument: Option<&Argument>) -> bool {
    match argument {
        Some(argument) => !is_tupled(model, argument),
        None => !moves_self(model),
    }
}

/// Whether a load takes `name` from the tuple. It captures all other arguments.
pub(super) fn is_given(model: &Model, name: &Ident) -> bool {
    let of = |arg: &&Argument| arg.inputs().iter().any(|input| input.ident == *name);
    let mut args = model.function.args.iter().filter(|arg| is_tupled(model, arg));
    if name == "self" { moves_self(model) } else { args.any(|arg| of(&arg)) }
}

/// Whether the tuple has `argument`: all names of its pattern, if one of them is used.
fn is_tupled(model: &Model, argument: &Argument) -> bool {
    argument.inputs().iter().any(|input| is_needed(model, &input.ident))
}

/// Whether the load takes `self` from the tuple. The tuple has a copy of a `&self`, and the load captures `self` under its name; any other
/// `self` can only be in one place.
fn moves_self(model: &Model) -> bool {
    needed_receiver(model).is_some_and(|receiver| !matches!(held(receiver), Held::Shared))
}

/// The name of `self` in the load.
pub(super) fn self_in_load(model: &Model, receiver: &syn::Receiver) -> Ident {
    let span = receiver.self_token.span;
    if moves_self(model) { this(span) } else { Ident::new("self", span) }
}

impl Given {
    /// The tuple of a load that captures all other arguments.
    pub(super) fn new(model: &Model) -> Self {
        let mut members = Tuple::default();
        let moves_self = moves_self(model);
        if let Some(receiver) = needed_receiver(model) {
            let name = this(receiver.self_token.span);
            let mutable = &receiver.mutability;
            let taken = if moves_self { mixed!(#mutable #name) } else { mixed!(_) };
            members.push(receiver.self_token.to_token_stream(), taken, receiver_names(model));
            if moves_self {
                members.uses.extend(mixed!(let _ = &#name;));
            }
        }
        for arg in model.function.args.iter().filter(|arg| is_tupled(model, arg)) {
            for Argument { ident, mutability, .. } in arg.inputs() {
                let names = (written_name(model, &ident), directing_name(model, &ident));
                members.push(ident.to_token_stream(), mixed!(#mutability #ident), names);
                members.uses.extend(mixed!(let _ = &#ident;));
            }
        }
        members.push_computed(model);
        let (write, direct) = (write(model, &members.written), direct(model, &members.directing));
        let (args, taken, uses) = (tuple(&members.given), tuple(&members.taken), members.uses);
        Self { args, taken, uses, write, direct, moves_self }
    }

    /// The statements of the user's body.
    pub(super) fn statements(&self, model: &Model) -> Vec<syn::Stmt> {
        match self.moves_self {
            true => moved(&model.function.block, &model.function.sig).stmts,
            false => model.function.block.stmts.clone(),
        }
    }
}

#[derive(Default)]
struct Tuple {
    given: Vec<TokenStream>,
    taken: Vec<TokenStream>,
    written: Vec<TokenStream>,
    directing: Vec<TokenStream>,
    uses: TokenStream,
}

impl Tuple {
    fn push(
        &mut self,
        given: TokenStream,
        taken: TokenStream,
        (written, directing): (TokenStream, TokenStream),
    ) {
        self.given.push(given);
        self.taken.push(taken);
        self.written.push(written);
        self.directing.push(directing);
    }

    /// The members that were computed when the function was called.
    fn push_computed(&mut self, model: &Model) {
        if let Some(text) = prologue::text(model) {
            self.push(text.clone(), mixed!(_), (text, mixed!(_)));
        }
        for (name, _) in prologue::computed(model) {
            self.push(name.clone(), mixed!(_), (mixed!(_), name));
        }
    }
}

/// The pattern of a member of the tuple in the closure that writes.
pub(super) fn written_name(model: &Model, name: &Ident) -> TokenStream {
    if is_written(model, name) { name.to_token_stream() } else { mixed!(_) }
}

/// The pattern of a member of the tuple in the closure that decides by the arguments.
pub(super) fn directing_name(model: &Model, name: &Ident) -> TokenStream {
    if is_directing(model, name) { name.to_token_stream() } else { mixed!(_) }
}

/// The closure that decides by the arguments, if there is anything to decide. `members`: the patterns of the tuple's members.
pub(super) fn direct(model: &Model, members: &[TokenStream]) -> Option<TokenStream> {
    let computed: TokenStream =
        prologue::computed(model).into_iter().map(|(_, uses)| uses).collect();
    let terms = model.conditions.of_call(&model.function, &model.root.private);
    if computed.is_empty() && terms.is_none() {
        return None;
    }
    let members = tuple(members);
    Some(mixed! {
        move |#members, __larder_directed| {
            #computed
            #terms
        }
    })
}

/// The method of `Fetch`, and its first argument: the closure that decides by the arguments, if there is one.
pub(super) fn called(method: &str, direct: Option<&TokenStream>) -> (Ident, Option<TokenStream>) {
    let directed = format!("{method}_directed");
    let method = if direct.is_some() { &directed } else { method };
    (Ident::new(method, Span::mixed_site()), direct.map(|direct| mixed!(#direct,)))
}

/// The closure that writes. `members`: the patterns of the tuple's members.
pub(super) fn write(model: &Model, members: &[TokenStream]) -> TokenStream {
    let places = |ident: Ident| behind_reference(model, ident);
    let (traits, key) = (prologue::traits(model), prologue::key(model, &places));
    let tags = prologue::tags(model, &places);
    let members = tuple(members);
    mixed! {
        move |#members, __larder_key, __larder_tags| {
            #traits
            #key
            #tags
        }
    }
}

/// The place of the argument `ident` in the closure, which has a reference to the argument.
fn behind_reference(model: &Model, ident: Ident) -> TokenStream {
    if model.function.names().consts.contains(&ident) {
        return ident.into_token_stream();
    }
    let name = if ident == "self" { this(ident.span()) } else { ident };
    let shown = Span::mixed_site().located_at(name.span());
    quote_spanned!(shown=> (*#name))
}

/// A tuple of any length, one included.
pub(super) fn tuple(members: &[TokenStream]) -> TokenStream {
    mixed!((#(#members,)*))
}
