//! Forwarding implementations of `Backend` for boxes, shared pointers and references.
//!
//! Each method forwards to `**self`: forwarding to `self` would recurse without end. The conformance suite
//! runs over every wrapper and would find that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::lease::{LeaseOutcome, LeaseRequest, Leases, VERSION_LEN};
use super::state::BackendState;
use super::{
    Backend, BackendResult, Message, MessageHandler, ReadRequest, RemoveOutcome, ScanPage,
    SetEntry, StoredValue, Subscription,
};
use crate::base::{BackendError, BoxFuture, Pattern};

macro_rules! forward {
    ($($wrapper:ty),*) => { $(
        impl<B: Backend + ?Sized> Backend for $wrapper {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn get_many<'a>(
                &'a self,
                keys: &'a [&'a str],
                most: usize,
            ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
                (**self).get_many(keys, most)
            }
            fn get_each<'a>(
                &'a self,
                keys: &'a [&'a str],
                most: usize,
            ) -> BoxFuture<'a, Vec<Result<Option<StoredValue>, BackendError>>> {
                (**self).get_each(keys, most)
            }
            fn read<'a>(
                &'a self,
                read: ReadRequest<'a>,
            ) -> BackendResult<'a, (Vec<u64>, Vec<Option<StoredValue>>)> {
                (**self).read(read)
            }
            fn read_or_acquire<'a>(
                &'a self,
                lease: LeaseRequest<'a>,
                generations: &'a [&'a str],
                keep: Duration,
            ) -> BackendResult<'a, (Vec<u64>, LeaseOutcome)> {
                (**self).read_or_acquire(lease, generations, keep)
            }
            fn set<'a>(
                &'a self,
                entries: &'a [SetEntry],
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, ()> {
                (**self).set(entries, notice)
            }
            fn set_each<'a>(
                &'a self,
                entries: &'a [SetEntry],
                notice: Option<&'a Message>,
            ) -> BoxFuture<'a, Vec<Result<(), BackendError>>> {
                (**self).set_each(entries, notice)
            }
            fn replace<'a>(
                &'a self,
                seen: [u8; VERSION_LEN],
                write: &'a SetEntry,
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, bool> {
                (**self).replace(seen, write, notice)
            }
            fn remove<'a>(
                &'a self,
                keys: &'a [&'a str],
                notice: Option<&'a Message>,
            ) -> BackendResult<'a, u64> {
                (**self).remove(keys, notice)
            }
            fn remove_each<'a>(
                &'a self,
                keys: &'a [&'a str],
                notice: Option<&'a Message>,
            ) -> BoxFuture<'a, RemoveOutcome> {
                (**self).remove_each(keys, notice)
            }
            fn generations<'a>(
                &'a self,
                keys: &'a [&'a str],
                keep: Duration,
            ) -> BackendResult<'a, Vec<u64>> {
                (**self).generations(keys, keep)
            }
            fn prolong<'a>(
                &'a self,
                seen: &'a [(&'a str, u64)],
                keep: Duration,
            ) -> BackendResult<'a, ()> {
                (**self).prolong(seen, keep)
            }
            fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
                (**self).bump(key)
            }

            fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
                (**self).bump_softly(key)
            }
            fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
                (**self).scan(pattern, cursor)
            }
            fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
                (**self).publish(notice)
            }
            fn subscribe(
                &self,
                channel: &str,
                listener: Arc<dyn MessageHandler>,
            ) -> Result<Subscription, BackendError> {
                (**self).subscribe(channel, listener)
            }
            fn leases(&self) -> Option<&dyn Leases> {
                (**self).leases()
            }
            fn ping(&self) -> BackendResult<'_, ()> {
                (**self).ping()
            }
            fn store(&self) -> Option<String> {
                (**self).store()
            }
            fn state(&self) -> BackendState {
                (**self).state()
            }
            fn info(&self) -> BackendResult<'_, BTreeMap<String, String>> {
                (**self).info()
            }
        }
    )* };
}

forward!(Box<B>, Arc<B>, &'static B);
