//! The faults of a run, and the bounds that the world guarantees.

use super::chance::Chance;

/// In milliseconds: a message of the bus arrives within this time, or its link is lost.
pub(crate) const BUS_DELAY: u64 = 40;
/// A node learns of a lost link within this time.
pub(crate) const BUS_NOTICE: u64 = 300;
/// An operation of the remote tier is answered within this time.
pub(crate) const OPERATION: u64 = 250;
/// How long a load may hold up its waiters. Longer than a lease of the remote tier lasts without a renewal.
pub(crate) const LEASE: u64 = 4_000;
/// The longest duration of a load that does not hang.
pub(crate) const LOAD: u64 = 3_800;
/// The duration of a load that hangs: longer than any caller may have to wait for it.
pub(crate) const HANG: u64 = 20 * LEASE;

/// Rates are per thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) lost_requests: u64,
    pub(crate) lost_answers: u64,
    pub(crate) load_failures: u64,
    pub(crate) load_hangs: u64,
    pub(crate) cancellations: u64,
    /// The largest number of each in a run.
    pub(crate) outages: u64,
    pub(crate) bus_losses: u64,
    pub(crate) pauses: u64,
    pub(crate) kills: u64,
    /// How many values and generations the store loses by itself.
    pub(crate) forgettings: u64,
    /// Whether concurrent requests of a node overtake each other.
    pub(crate) overtaking: bool,
    /// Whether the remote tier has leases. Without leases only writes of one process are fenced, so there is one node.
    pub(crate) leases: bool,
    /// Whether every second operation is a change, usually a put.
    pub(crate) busy: bool,
    /// Whether every fourth load takes long.
    pub(crate) slow: bool,
    /// Whether most operations concern keys that batches load.
    pub(crate) batches: bool,
}

impl Weather {
    /// Draws one kind of fault alone, or all together.
    pub(crate) fn draw(chance: &Chance) -> Self {
        let fine = Self {
            overtaking: chance.in_thousand(500),
            leases: chance.in_thousand(850),
            busy: chance.in_thousand(350),
            slow: chance.in_thousand(250),
            batches: chance.in_thousand(250),
            ..Self::default()
        };
        match chance.among(0..11) {
            10 => fine,
            0 => fine,
            1 => Self { cancellations: 150, ..fine },
            2 => Self { load_failures: 200, load_hangs: 30, cancellations: 50, ..fine },
            3 => Self { bus_losses: 10, ..fine },
            4 => Self { outages: 4, ..fine },
            5 => Self { lost_requests: 40, lost_answers: 40, ..fine },
            6 => Self { pauses: 4, kills: 1, ..fine },
            7 => Self { forgettings: 12, cancellations: 50, ..fine },
            _ => Self {
                lost_requests: 20,
                lost_answers: 20,
                load_failures: 80,
                load_hangs: 10,
                cancellations: 80,
                outages: 2,
                bus_losses: 4,
                pauses: 1,
                kills: 1,
                forgettings: 3,
                ..fine
            },
        }
    }

    /// Whether nothing prevents a holder from keeping its lease.
    pub(crate) fn leases_hold(&self) -> bool {
        self.lost_requests + self.lost_answers + self.outages + self.pauses + self.kills == 0
            && self.forgettings + self.load_hangs + self.load_failures == 0
    }

    /// Whether nothing prevents a put from taking effect, and reads from finding it.
    pub(crate) fn puts_hold(&self) -> bool {
        self.leases_hold() && self.cancellations + self.bus_losses == 0
    }

    /// Whether no failed load can make its waiters retry side by side.
    pub(crate) fn loads_succeed(&self) -> bool {
        self.load_failures == 0
    }
}
