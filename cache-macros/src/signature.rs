//! What all attributes need to know of the function that they are on.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::visit::Visit;
use syn::{
    AttrStyle, Attribute, Block, FnArg, ItemFn, Pat, Receiver, ReceiverKind, Signature, Type,
    Visibility, parse_quote,
};

use crate::errors::{did_you_mean, list};
use crate::lifetimes::plain;
use crate::mixed::mixed;
use crate::returns::{self, Returns};

/// One argument, the receiver apart.
#[derive(Clone)]
pub(crate) struct Argument {
    /// Its name; a fresh one where the user wrote a pattern.
    pub(crate) ident: Ident,
    /// The user's pattern, where it's no plain name.
    pub(crate) pattern: Option<Pat>,
    /// `mut`, in front of a plain name.
    pub(crate) mutability: Option<syn::Token![mut]>,
    pub(crate) ty: Type,
    /// For messages.
    pub(crate) span: TokenStream,
    /// Whether it stands for one item of a list (`each`).
    pub(crate) item: bool,
}

impl Argument {
    /// `&T` or `&mut T`.
    pub(crate) fn reference(&self) -> Option<&syn::TypeReference> {
        match plain(&self.ty) {
            Type::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}

/// A function as the user wrote it.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) block: Block,
    pub(crate) args: Vec<Argument>,
    pub(crate) returns: Returns,
    /// Whether it certainly stands in an impl block or trait: it has a receiver or names `Self`.
    pub(crate) associated: bool,
}

impl Function {
    /// Takes `item` apart.
    pub(crate) fn new(item: ItemFn) -> Self {
        let associated = item.sig.receiver().is_some() || names_self_type(&item);
        let ItemFn { attrs, vis, sig, block, .. } = item;
        let attrs = attrs.into_iter().map(outer).collect();
        let args = sig.inputs.iter().enumerate().filter_map(argument).collect();
        let returns = Returns::new(&sig);
        Self { attrs, vis, sig, block: *block, args, returns, associated }
    }

    /// The receiver, if there's one.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// Whether a call of it is awaited.
    pub(crate) fn is_async(&self) -> bool {
        self.returns.is_future()
    }

    /// What it gives in the end, `()` where nothing is written.
    pub(crate) fn output(&self) -> Type {
        returns::output(&self.sig)
    }

    /// Whether something of the function's name is called in its body.
    pub(crate) fn calls_itself(&self) -> bool {
        calls(&self.sig.ident, self.block.to_token_stream())
    }

    /// The body as a block of ours: the user's braces around one expression would be linted as needless inside others.
    pub(crate) fn body(&self) -> TokenStream {
        let statements = &self.block.stmts;
        mixed!({ #(#statements)* })
    }

    /// A hash of its text (FNV-1a), the same in each build: it tells apart what one call of a `macro_rules!` macro makes.
    pub(crate) fn fingerprint(&self) -> u64 {
        let (sig, block) = (&self.sig, &self.block);
        let text = quote::quote!(#sig #block).to_string();
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// `self` and the arguments that have a name.
    pub(crate) fn names(&self) -> Names {
        let this = self.receiver().map(|receiver| Ident::new("self", receiver.self_token.span));
        let args =
            self.args.iter().filter(|arg| arg.pattern.is_none()).map(|arg| arg.ident.clone());
        let consts = self.sig.generics.const_params().map(|param| param.ident.clone());
        let types = self.sig.generics.type_params().map(|param| param.ident.clone());
        Names {
            all: this.into_iter().chain(args).collect(),
            consts: consts.collect(),
            types: types.collect(),
            this: Some(Ident::new(SELF_TYPE, Span::call_site())),
            each: None,
        }
    }
}

/// The names that templates and `skip` can use.
pub(crate) struct Names {
    /// `self` and the arguments.
    pub(crate) all: Vec<Ident>,
    /// The parameters that tell instances of a generic function apart.
    pub(crate) consts: Vec<Ident>,
    pub(crate) types: Vec<Ident>,
    /// `Self`. What its parameters are is not known, so that nothing more can be asked of it.
    pub(crate) this: Option<Ident>,
    /// The list that `each` goes through, and its item, which stands for it.
    pub(crate) each: Option<(Ident, Ident)>,
}

/// The type that a method belongs to, as templates and `skip` know it.
pub(crate) const SELF_TYPE: &str = "Self";

impl Names {
    /// What is wrong with `name`, which is none of these.
    pub(crate) fn unknown(&self, name: &str) -> String {
        if let Some((list, item)) = &self.each
            && list == name
        {
            return format!(
                "with `each` an item stands for its list: there is `{item}`, and no `{list}`"
            );
        }
        let known = if self.all.is_empty() { "it has none".to_owned() } else { list(&self.all) };
        let hint = did_you_mean(name, &self.all);
        format!("no argument is called `{name}`{hint} (arguments of this function: {known})")
    }

    /// The argument called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Ident> {
        self.all.iter().find(|ident| *ident == name)
    }

    /// The argument or constant parameter called `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&Ident> {
        self.find(name).or_else(|| self.consts.iter().find(|ident| *ident == name))
    }

    /// The type parameter called `name`.
    pub(crate) fn ty(&self, name: &str) -> Option<&Ident> {
        self.types.iter().chain(&self.this).find(|ident| *ident == name)
    }

    /// The generic parameters, lifetimes apart.
    pub(crate) fn generics(&self) -> impl Iterator<Item = &Ident> {
        self.types.iter().chain(&self.consts)
    }
}

/// `#![attr]` at the head of a body must become `#[attr]`, since the body moves elsewhere.
fn outer(mut attr: Attribute) -> Attribute {
    attr.style = AttrStyle::Outer;
    attr
}

fn argument((at, input): (usize, &FnArg)) -> Option<Argument> {
    let FnArg::Typed(arg) = input else {
        return None;
    };
    let span = arg.pat.to_token_stream();
    let ty = (*arg.ty).clone();
    Some(match &*arg.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
            let mutability = pat.mutability;
            Argument { ident: pat.ident.clone(), pattern: None, mutability, ty, span, item: false }
        }
        pat => {
            let ident = format_ident!("__larder_arg{at}", span = Span::mixed_site());
            Argument { ident, pattern: Some(pat.clone()), mutability: None, ty, span, item: false }
        }
    })
}

/// Whether `Self` stands somewhere in `tokens`.
pub(crate) fn mentions_self_type(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => mentions_self_type(group.stream()),
        TokenTree::Literal(literal) => literal.to_string().contains("{Self}"),
        TokenTree::Punct(_) => false,
    })
}

/// Whether `name(..)` or `name::<..>(..)` stands somewhere in `tokens`.
fn calls(name: &Ident, tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Group(group) => calls(name, group.stream()),
            TokenTree::Ident(ident) if ident == name => match tokens.peek() {
                Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
                Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
                _ => false,
            },
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// Whether `function` names the type that it belongs to. Items in its body have a `Self` of their own.
fn names_self_type(function: &ItemFn) -> bool {
    struct SelfType(bool);
    impl<'ast> Visit<'ast> for SelfType {
        fn visit_ident(&mut self, ident: &'ast Ident) {
            self.0 |= ident == "Self";
        }
        fn visit_macro(&mut self, mac: &'ast syn::Macro) {
            self.0 |= mentions_self_type(mac.tokens.clone());
        }
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    let mut found = SelfType(false);
    found.visit_item_fn(function);
    found.0
}

/// Puts names in the place of patterns; `keep_mut` leaves `mut` where the body follows.
pub(crate) fn with_names(sig: &Signature, args: &[Argument], keep_mut: bool) -> Signature {
    let mut sig = sig.clone();
    let mut args = args.iter();
    for input in &mut sig.inputs {
        match input {
            FnArg::Receiver(receiver) if !keep_mut => receiver.mutability = None,
            FnArg::Receiver(_) => {}
            FnArg::Typed(typed) => {
                let Some(arg) = args.next() else { continue };
                let ident = &arg.ident;
                if arg.pattern.is_some() || !keep_mut {
                    *typed.pat = parse_quote!(#ident);
                }
            }
        }
    }
    sig
}

/// The inputs of `function` that are borrowed for writing: those that cannot be cloned.
pub(crate) fn mutable_borrows(function: &Function) -> Vec<TokenStream> {
    let this = function.receiver().filter(|receiver| matches!(held(receiver), Held::Mutable));
    let args = function.args.iter().filter_map(Argument::reference);
    let args = args.filter(|reference| reference.mutability.is_some());
    this.map(ToTokens::to_token_stream)
        .into_iter()
        .chain(args.map(ToTokens::to_token_stream))
        .collect()
}

/// How a receiver is held.
pub(crate) enum Held {
    Shared,
    Mutable,
    Owned,
}

/// How `receiver` is held.
pub(crate) fn held(receiver: &Receiver) -> Held {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => Held::Shared,
        ReceiverKind::Reference(..) => Held::Mutable,
        ReceiverKind::Typed(_, ty) => match plain(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => Held::Mutable,
            Type::Reference(_) => Held::Shared,
            _ => Held::Owned,
        },
        _ => Held::Owned,
    }
}
