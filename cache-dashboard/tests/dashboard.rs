//! The dashboard through the public API: as a router, and over sockets.
#![allow(clippy::unwrap_used)]

#[path = "dashboard/access.rs"]
mod access;
#[path = "dashboard/entries.rs"]
mod entries;
#[path = "dashboard/figures.rs"]
mod figures;
#[path = "dashboard/mounts.rs"]
mod mounts;
#[path = "dashboard/origin.rs"]
mod origin;
#[path = "dashboard/support.rs"]
mod support;
