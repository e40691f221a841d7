//! What a function of the value uses of the arguments: copies, because the body may have consumed them when the value is there.
//!
//! An argument is copied under its own name. Of `self.limit` and `request.user.id` only the field is copied, under another name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote_spanned};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprClosure, ExprField, Type};

use super::owning::{Owning, anonymous, bound};
use crate::elsewhere::this;
use crate::errors::Errors;
use crate::mixed::{mixed, shown_at};
use crate::returns::is_opaque;
use crate::signature::{Argument, Function, Names};
use crate::target::mentions;

/// The copies that some functions of the value use.
#[derive(Default)]
pub(crate) struct Copied {
    /// The arguments that are copied as a whole.
    whole: Vec<Ident>,
    /// Fields, with the arguments that they belong to and the names of the copies.
    fields: Vec<(Ident, Expr, Ident)>,
}

impl Copied {
    /// Adds what the closure uses, and replaces the fields in it. Returns whether it uses anything.
    pub(super) fn add(
        &mut self,
        option: &str,
        function: &mut Expr,
        names: &Names,
        errors: &mut Errors,
    ) -> bool {
        let Expr::Closure(closure) = function else { return false };
        let mut bound = Bound::default();
        bound.visit_expr_closure(closure);
        let bound = bound.0.into_iter().cloned().collect();
        let mut uses = Uses { names, bound, copied: self, used: false, this: None };
        uses.visit_expr_closure_mut(closure);
        let (used, this) = (uses.used, uses.this);
        if let Some(this) = this {
            let message = format!(
                "`{option}` keeps a copy of what it uses until the value is there, and copies no whole `self`: use a field of it, such as \
                 `self.limit`, outside of macros"
            );
            errors.on(&this, message);
        }
        used
    }

    /// Records arguments that cannot be copied.
    pub(super) fn check(&self, function: &Function, errors: &mut Errors) {
        let text = |ty: &Type| ty.to_token_stream().to_string();
        let cannot: Vec<String> = bound(function).into_iter().map(text).collect();
        for arg in self.args(function) {
            let mutable = arg.reference().is_some_and(|reference| reference.mutability.is_some());
            if mutable || cannot.contains(&text(&arg.ty)) {
                let message = format!(
                    "a function of the value uses a copy of `{}`, and this type cannot be copied: take an owned value, a `&`, or one in an \
                     `Option`, `Vec` or slice",
                    arg.ident
                );
                errors.on(&arg.ty, message);
            }
        }
    }

    fn args(&self, function: &Function) -> Vec<Argument> {
        let whole = |arg: &Argument| self.whole.contains(&arg.ident);
        function.inputs().into_iter().filter(whole).collect()
    }

    /// Whether anything of the argument `name` is used.
    pub(super) fn uses(&self, name: &Ident) -> bool {
        self.whole.contains(name) || self.fields.iter().any(|(root, ..)| root == name)
    }

    /// Whether no argument is used.
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.fields.is_empty()
    }

    /// The statements that make the copies, from references to the arguments.
    pub(super) fn copies(&self, function: &Function, private: &TokenStream) -> TokenStream {
        let fields = self.fields.iter().map(|(root, field, name)| {
            let shown = Span::mixed_site().located_at(root.span());
            let copied = shown_at(root.span(), &mixed!(#private::copied));
            quote_spanned!(shown=> let #name = #copied(&#field);)
        });
        let whole = self.args(function).into_iter().map(|arg| {
            let Argument { ident, ty, .. } = arg;
            let shown = Span::mixed_site().located_at(ident.span());
            let copy = Owning::new(private, &ident, &ty).copy;
            let copied = shown_at(ident.span(), &mixed!(#private::copied));
            quote_spanned!(shown=> let #ident = #copied(#ident); #copy)
        });
        // Fields first: they are taken from arguments whose names then mean the copies.
        fields.chain(whole).collect()
    }

    /// The statements that lend the copies as the arguments were lent.
    pub(super) fn lent(&self, function: &Function, private: &TokenStream) -> TokenStream {
        let lends = self.args(function).into_iter().map(|arg| {
            let Argument { ident, ty, .. } = arg;
            let Owning { copy, lent } = Owning::new(private, &ident, &ty);
            let ty = anonymous(&ty);
            let ty = (!is_opaque(&ty)).then(|| mixed!(: #ty));
            (!copy.is_empty()).then(|| mixed!(let #ident #ty = #lent;))
        });
        lends.flatten().collect()
    }
}

/// The names that a closure binds.
#[derive(Default)]
struct Bound<'ast>(Vec<&'ast Ident>);

impl<'ast> Visit<'ast> for Bound<'ast> {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.0.push(&pat.ident);
        visit::visit_pat_ident(self, pat);
    }
}

struct Uses<'a> {
    names: &'a Names,
    bound: Vec<Ident>,
    copied: &'a mut Copied,
    used: bool,
    /// A use of `self` as a whole.
    this: Option<Ident>,
}

impl Uses<'_> {
    /// The argument that the path names.
    fn argument(&self, expr: &Expr) -> Option<Ident> {
        let Expr::Path(path) = expr else { return None };
        let name = path.path.get_ident()?;
        (self.names.all.contains(name) && !self.bound.contains(name)).then(|| name.clone())
    }

    fn whole(&mut self, name: Ident) {
        self.used = true;
        if name == "self" {
            self.this = Some(name);
        } else if !self.copied.whole.contains(&name) {
            self.copied.whole.push(name);
        }
    }

    /// The argument at the start of a chain of fields.
    fn root(&self, field: &ExprField) -> Option<Ident> {
        match &*field.base {
            Expr::Field(base) => self.root(base),
            base => self.argument(base),
        }
    }
}

impl VisitMut for Uses<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Field(field) = expr
            && let Some(root) = self.root(field)
        {
            self.used = true;
            let mut place = expr.clone();
            Renamed.visit_expr_mut(&mut place);
            let text = place.to_token_stream().to_string();
            let fields = &mut self.copied.fields;
            let known =
                fields.iter().find(|(_, field, _)| field.to_token_stream().to_string() == text);
            let name = match known {
                Some((.., name)) => name.clone(),
                None => {
                    let span = Span::mixed_site().located_at(root.span());
                    let name = format_ident!("__larder_field{}", fields.len(), span = span);
                    fields.push((root, place, name.clone()));
                    name
                }
            };
            *expr = Expr::Verbatim(name.into_token_stream());
            return;
        }
        if let Some(name) = self.argument(expr) {
            return self.whole(name);
        }
        visit_mut::visit_expr_mut(self, expr);
    }

    fn visit_macro_mut(&mut self, mac: &mut syn::Macro) {
        let used = |name: &&Ident| mentions(&name.to_string(), mac.tokens.clone());
        let used: Vec<Ident> = self.names.all.iter().filter(used).cloned().collect();
        for name in used.into_iter().filter(|name| !self.bound.contains(name)).collect::<Vec<_>>() {
            self.whole(name);
        }
    }
}

/// `self` has another name where the copies are made.
struct Renamed;

impl VisitMut for Renamed {
    fn visit_expr_path_mut(&mut self, path: &mut syn::ExprPath) {
        if let Some(name) = path.path.get_ident().filter(|name| *name == "self") {
            path.path = this(name.span()).into();
        }
    }
}

/// Whether the closure takes one argument, and is no async closure.
pub(super) fn takes_one(closure: &ExprClosure) -> bool {
    closure.inputs.len() == 1 && closure.asyncness.is_none()
}
