//! The parts of a function that all attributes need.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{
    AttrStyle, Attribute, Block, FnArg, ItemFn, Pat, Receiver, ReceiverKind, Signature, Type,
    Visibility, parse_quote,
};

use crate::cached::borrows;
use crate::errors::{did_you_mean, list};
use crate::mixed::mixed;
use crate::plain::plain;
use crate::returns::{self, Returns};
use crate::target::mentions;

/// An argument other than the receiver.
#[derive(Clone)]
pub(crate) struct Argument {
    /// Its name; a generated one if the user wrote a pattern.
    pub(crate) ident: Ident,
    /// The user's pattern, if it is not a plain name.
    pub(crate) pattern: Option<Pat>,
    /// The names in a pattern that is destructured first, so that keys and options can use them.
    /// The body sees only these parts of the argument.
    pub(crate) bindings: Option<Vec<Binding>>,
    /// `mut` before a plain name.
    pub(crate) mutability: Option<syn::Token![mut]>,
    pub(crate) ty: Type,
    /// For messages.
    pub(crate) span: TokenStream,
    /// Whether this is one item of a list (`each`).
    pub(crate) item: bool,
}

/// A name in a pattern.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) ident: Ident,
    pub(crate) mutability: Option<syn::Token![mut]>,
}

impl Argument {
    /// The inputs of a key: the argument, or all names in its pattern.
    pub(crate) fn inputs(&self) -> Vec<Argument> {
        let Some(bindings) = &self.bindings else { return vec![self.clone()] };
        bindings.iter().map(Binding::input).collect()
    }

    /// The type, if it is `&T` or `&mut T`.
    pub(crate) fn reference(&self) -> Option<&syn::TypeReference> {
        match plain(&self.ty) {
            Type::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}

impl Binding {
    /// The name as an argument of unknown type.
    fn input(&self) -> Argument {
        Argument {
            ident: self.ident.clone(),
            pattern: None,
            bindings: None,
            mutability: self.mutability,
            ty: parse_quote!(_),
            span: self.ident.to_token_stream(),
            item: false,
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
    /// Whether it certainly belongs to an impl block or trait: it has a receiver or names `Self`.
    pub(crate) associated: bool,
}

impl Function {
    /// Splits `item` into its parts.
    pub(crate) fn new(item: ItemFn) -> Self {
        let associated = item.sig.receiver().is_some() || names_self_type(&item);
        let ItemFn { attrs, vis, sig, block, .. } = item;
        let attrs = attrs.into_iter().map(outer).collect();
        let args = sig.inputs.iter().enumerate().filter_map(argument).collect();
        let returns = Returns::new(&sig);
        Self { attrs, vis, sig, block: *block, args, returns, associated }
    }

    /// The inputs of a key, without the receiver.
    pub(crate) fn inputs(&self) -> Vec<Argument> {
        self.args.iter().flat_map(Argument::inputs).collect()
    }

    /// The receiver, if there is one.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// Whether a call of the function is awaited.
    pub(crate) fn is_async(&self) -> bool {
        self.returns.is_future()
    }

    /// The output type; `()` if none is written.
    pub(crate) fn output(&self) -> Type {
        returns::output(&self.sig)
    }

    /// Whether the body calls something with the function's name.
    pub(crate) fn calls_itself(&self) -> bool {
        calls(&self.sig.ident, self.block.to_token_stream())
    }

    /// A use of all arguments that the body mentions. If the body has an error, rustc considers the
    /// captures of its closure unused, and would warn about them.
    pub(crate) fn uses(&self, of: impl Fn(&Ident) -> bool) -> TokenStream {
        let body = self.block.to_token_stream();
        let this = self.receiver().map(|receiver| Ident::new("self", receiver.self_token.span));
        let args = self.inputs().into_iter().map(|arg| arg.ident);
        let used = this.into_iter().chain(args).filter(of);
        let used = used.filter(|name| mentions(&name.to_string(), body.clone()));
        used.map(|name| mixed!(let _ = &#name;)).collect()
    }

    /// `tokens` in the user's braces. Lints such as `dead_code` treat an item as the user's if its
    /// first and last tokens are.
    pub(crate) fn block_of(&self, tokens: &TokenStream) -> TokenStream {
        let mut block = TokenStream::new();
        self.block.brace_token.surround(&mut block, |inside| inside.extend(tokens.clone()));
        block
    }

    /// The body in generated braces: the user's braces around one expression would trigger a lint
    /// for needless braces.
    pub(crate) fn body(&self) -> TokenStream {
        self.body_of(&self.block.stmts)
    }

    /// `statements` instead of the user's.
    pub(crate) fn body_of(&self, statements: &[syn::Stmt]) -> TokenStream {
        self.ours(&mixed!(#(#statements)*))
    }

    /// `inside` in generated braces, shown at the user's block: rustc shows its error about a body
    /// without a value there.
    pub(crate) fn ours(&self, inside: &TokenStream) -> TokenStream {
        let shown = Span::mixed_site().located_at(self.block.brace_token.span.join());
        quote_spanned!(shown=> { #inside })
    }

    /// A hash of the function's text (FNV-1a), the same in each build. It distinguishes the
    /// functions that one call of a `macro_rules!` macro creates.
    pub(crate) fn fingerprint(&self) -> u64 {
        let (sig, block) = (&self.sig, &self.block);
        let text = quote::quote!(#sig #block).to_string();
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// `self` and the arguments with a name.
    pub(crate) fn names(&self) -> Names {
        let this = self.receiver().map(|receiver| Ident::new("self", receiver.self_token.span));
        let args = self.inputs().into_iter().filter(|arg| arg.pattern.is_none());
        let args = args.map(|arg| arg.ident);
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
    /// The parameters that distinguish the instances of a generic function.
    pub(crate) consts: Vec<Ident>,
    pub(crate) types: Vec<Ident>,
    /// `Self`. Its parameters are unknown, so no more than its name is used.
    pub(crate) this: Option<Ident>,
    /// The list of `each` and its item, which replaces it.
    pub(crate) each: Option<(Ident, Ident)>,
}

/// The name of a method's type in templates and `skip`.
pub(crate) const SELF_TYPE: &str = "Self";

impl Names {
    /// The error for `name`, which is not one of these names.
    pub(crate) fn unknown(&self, name: &str) -> String {
        if let Some((list, item)) = &self.each
            && list == name
        {
            return format!(
                "with `each`, name the item instead of the list: there is `{item}`, and no `{list}`"
            );
        }
        let known = if self.all.is_empty() { "it has none".to_owned() } else { list(&self.all) };
        let hint = did_you_mean(name, &self.all);
        format!("no argument is called `{name}`{hint} (arguments of this function: {known})")
    }

    /// The argument called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Ident> {
        self.all.iter().find(|ident| is(ident, name))
    }

    /// The argument or constant parameter called `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&Ident> {
        self.find(name).or_else(|| self.consts.iter().find(|ident| is(ident, name)))
    }

    /// The type parameter called `name`.
    pub(crate) fn ty(&self, name: &str) -> Option<&Ident> {
        self.types.iter().chain(&self.this).find(|ident| is(ident, name))
    }

    /// The generic parameters without the lifetimes.
    pub(crate) fn generics(&self) -> impl Iterator<Item = &Ident> {
        self.types.iter().chain(&self.consts)
    }
}

/// Whether `name` means `ident`: as in `format!`, `r#type` may be written `type`.
fn is(ident: &Ident, name: &str) -> bool {
    ident == name || ident.unraw() == name
}

/// Turns `#![attr]` at the start of a body into `#[attr]`, because the body moves.
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
            let (ident, pattern, bindings) = (pat.ident.clone(), None, None);
            Argument { ident, pattern, bindings, mutability, ty, span, item: false }
        }
        pat => {
            let ident = format_ident!("__larder_arg{at}", span = Span::mixed_site());
            let (pattern, bindings) = (Some(pat.clone()), bindings(pat, &ty));
            Argument { ident, pattern, bindings, mutability: None, ty, span, item: false }
        }
    })
}

/// The names in `pattern`, if an argument of type `ty` can be destructured before the body: its
/// borrows must belong to the caller, and a load in the background must be able to own it.
fn bindings(pattern: &Pat, ty: &Type) -> Option<Vec<Binding>> {
    #[derive(Default)]
    struct Bindings {
        found: Vec<Binding>,
        unclear: bool,
    }
    impl<'ast> Visit<'ast> for Bindings {
        fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
            self.unclear |= pat.by_ref.is_some();
            // A constant or a unit struct is not a binding.
            let named = !pat.ident.unraw().to_string().starts_with(char::is_uppercase);
            if named && !self.found.iter().any(|found| found.ident == pat.ident) {
                let (ident, mutability) = (pat.ident.clone(), pat.mutability);
                self.found.push(Binding { ident, mutability });
            }
            visit::visit_pat_ident(self, pat);
        }
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.unclear = true;
        }
    }
    let reference = matches!(plain(ty), Type::Reference(it) if it.mutability.is_none());
    if borrows(ty) && !reference {
        return None;
    }
    let mut bindings = Bindings::default();
    bindings.visit_pat(pattern);
    (!bindings.unclear).then_some(bindings.found)
}

/// Whether `tokens` contain `Self`.
pub(crate) fn mentions_self_type(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => mentions_self_type(group.stream()),
        TokenTree::Literal(literal) => literal.to_string().contains("{Self}"),
        TokenTree::Punct(_) => false,
    })
}

/// Whether `tokens` contain the identifier `name`, in any role.
pub(crate) fn occurs(name: &Ident, tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => occurs(name, group.stream()),
        TokenTree::Literal(_) | TokenTree::Punct(_) => false,
    })
}

/// Whether `tokens` contain `name(..)` or `name::<..>(..)`.
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

/// Whether `function` names its own type. Items in its body have their own `Self`.
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

/// Replaces patterns by names. `keep_mut` keeps `mut`, for a function with the body.
pub(crate) fn with_names(
    sig: &Signature,
    args: &[Argument],
    keep_mut: impl Fn(Option<&Argument>) -> bool,
) -> Signature {
    let mut sig = sig.clone();
    let mut args = args.iter();
    for input in &mut sig.inputs {
        match input {
            FnArg::Receiver(receiver) if !keep_mut(None) => receiver.mutability = None,
            FnArg::Receiver(_) => {}
            FnArg::Typed(typed) => {
                let Some(arg) = args.next() else { continue };
                let ident = &arg.ident;
                if arg.pattern.is_some() || !keep_mut(Some(arg)) {
                    *typed.pat = parse_quote!(#ident);
                }
            }
        }
    }
    sig
}

/// The inputs of `function` that are borrowed mutably, and cannot be cloned.
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
