//! Generates the policy as a constant expression.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use syn::spanned::Spanned as _;

use super::{Given, Policy, Ttl};
use crate::crate_path::Root;
use crate::duration;
use crate::mixed::{mixed, shown_at};

impl Policy {
    /// The items before the site: the base as a constant, so that rustc reports an error of its
    /// type alone.
    pub(crate) fn items(&self, root: &Root) -> Option<TokenStream> {
        let (base, larder) = (self.base.as_ref()?, &root.larder);
        Some(mixed!(const __LARDER_POLICY: #larder::Policy = #base;))
    }

    /// The policy, with the setters `more` after its own. If there is a base, rustc validates the
    /// whole policy when it evaluates the site, and shows an error at the base.
    pub(crate) fn expr(&self, root: &Root, more: &TokenStream) -> TokenStream {
        let (larder, private) = (&root.larder, &root.private);
        let setters = self.setters(root);
        let Some(base) = &self.base else {
            return mixed!(#larder::Policy::new() #setters #more);
        };
        shown_at(base.span(), &mixed!(#private::possible(__LARDER_POLICY #setters #more)))
    }

    fn setters(&self, root: &Root) -> TokenStream {
        let ttl = value(&self.ttl).map(|ttl| match ttl {
            Ttl::For(ttl) => setter("ttl", &duration::emit(ttl)),
            Ttl::Never => mixed!(.no_expiry()),
        });
        let spans = [
            ("tti", &self.tti),
            ("stale", &self.stale),
            ("stale_if_error", &self.stale_if_error),
            ("throttle", &self.throttle),
            ("soft_timeout", &self.soft_timeout),
            ("hard_timeout", &self.hard_timeout),
            ("none_ttl", &self.none_ttl),
            ("err_ttl", &self.err_ttl),
            ("lease", &self.lease),
        ];
        let spans = spans.into_iter().filter_map(|(name, given)| {
            value(given).map(|span| setter(name, &duration::emit(span)))
        });
        let numbers = [("jitter", &self.jitter), ("early_refresh", &self.early_refresh)];
        let numbers = numbers.into_iter().filter_map(|(name, given)| {
            let number = Literal::f64_unsuffixed(value(given)?);
            Some(setter(name, &mixed!(#number)))
        });
        let choices =
            [("stampede", "Stampede", &self.stampede), ("on_error", "OnError", &self.on_error)];
        let choices = choices.into_iter().filter_map(|(name, of, given)| {
            let larder = &root.larder;
            let (of, variant) = (ident(of), ident(value(given)?));
            Some(setter(name, &mixed!(#larder::#of::#variant)))
        });
        ttl.into_iter().chain(spans).chain(numbers).chain(choices).collect()
    }
}

fn setter(name: &str, value: &TokenStream) -> TokenStream {
    let name = ident(name);
    mixed!(.#name(#value))
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn value<T: Copy>(given: &Option<Given<T>>) -> Option<T> {
    given.as_ref().and_then(|given| given.value)
}
