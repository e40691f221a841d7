//! Types without the parts that macros add.

use syn::Type;

/// The type inside the invisible groups and parentheses that macros add.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}
