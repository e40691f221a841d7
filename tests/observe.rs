//! What a cache counts, measures and reports, through the public API only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "observe/advisor.rs"]
mod advisor;
#[path = "observe/causes.rs"]
mod causes;
#[path = "observe/cookbook.rs"]
mod cookbook;
#[path = "support/deaf.rs"]
mod deaf;
#[path = "observe/functions.rs"]
mod functions;
#[path = "support/gated.rs"]
mod gated;
#[path = "observe/guide.rs"]
mod guide;
#[path = "observe/intervals.rs"]
mod intervals;
#[path = "observe/listener.rs"]
mod listener;
#[path = "observe/metrics.rs"]
mod metrics;
#[path = "observe/names_shown.rs"]
mod names_shown;
#[path = "support/origin.rs"]
mod origin;
#[path = "observe/paths.rs"]
mod paths;
#[path = "observe/shared_keys.rs"]
mod shared_keys;
#[path = "observe/snapshots.rs"]
mod snapshots;
#[path = "support/stored.rs"]
mod stored;
#[path = "observe/subscriber.rs"]
mod subscriber;
mod support;
#[path = "observe/tiers.rs"]
mod tiers;
#[path = "observe/times.rs"]
mod times;
#[path = "observe/tracing.rs"]
mod tracing;
#[path = "observe/undeclared_tags.rs"]
mod undeclared_tags;
