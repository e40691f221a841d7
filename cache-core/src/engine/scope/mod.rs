//! Transactions, the off switch and the tenants of tasks, which temporarily change how the cache answers.
//!
//! Every read and every put asks here first. While no transaction and no switch is active in the process,
//! that costs one relaxed load ([`no_active_scope`](crate::base::no_active_scope)).

mod gate;
mod log;
mod off;
mod own;
mod switch;
mod tenant;
mod transaction;
mod view;

pub(crate) use gate::{OpenTransaction, ReadRoute, evict_quietly, hides, seen, shadowed, way};
pub(crate) use log::Seen;
pub use off::{without_cache, without_cache_sync};
pub(crate) use switch::Switch;
pub use switch::{disable, enable, is_enabled};
pub use tenant::{TenantScope, with_tenant, with_tenant_sync, without_tenant, without_tenant_sync};
pub(crate) use tenant::{is_unscoped, tenant};
pub use transaction::{Transaction, TransactionScope, commit, transaction};
