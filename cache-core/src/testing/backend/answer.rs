//! What operations answer, as far as those around a backend care.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::recording::Outcome;
use crate::backend::{Acquired, Page, Read, Revoked};
use crate::base::{BackendError, BackendErrorKind};

pub(crate) trait Answer: Send {
    fn outcome(&self) -> Outcome;
    /// Replaces the values in it.
    fn alter(&mut self, _alter: &dyn Fn(&Bytes) -> Bytes) {}
}

impl Answer for () {
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }
}

impl Answer for BTreeMap<String, String> {
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }
}

impl Answer for bool {
    fn outcome(&self) -> Outcome {
        Outcome::Held(*self)
    }
}

impl Answer for u64 {
    fn outcome(&self) -> Outcome {
        Outcome::Numbers(vec![*self])
    }
}

impl Answer for Vec<u64> {
    fn outcome(&self) -> Outcome {
        Outcome::Numbers(self.clone())
    }
}

impl Answer for Revoked {
    fn outcome(&self) -> Outcome {
        Outcome::Numbers(vec![self.count])
    }
}

impl Answer for Page {
    fn outcome(&self) -> Outcome {
        Outcome::Keys(self.keys.clone())
    }
}

impl Answer for Vec<Option<Read>> {
    fn outcome(&self) -> Outcome {
        Outcome::Found(self.iter().map(Option::is_some).collect())
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        self.iter_mut().flatten().for_each(|read| read.value = alter(&read.value));
    }
}

impl Answer for Vec<Result<Option<Read>, BackendError>> {
    fn outcome(&self) -> Outcome {
        let failed: Option<BackendErrorKind> =
            self.iter().find_map(|one| Some(one.as_ref().err()?.kind()));
        match failed {
            Some(kind) => Outcome::Failed(kind),
            None => Outcome::Found(self.iter().map(|one| matches!(one, Ok(Some(_)))).collect()),
        }
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        let values = self.iter_mut().flatten().flatten();
        values.for_each(|read| read.value = alter(&read.value));
    }
}

impl Answer for Vec<Result<(), BackendError>> {
    fn outcome(&self) -> Outcome {
        let failed = self.iter().find_map(|one| Some(one.as_ref().err()?.kind()));
        failed.map_or(Outcome::Done, Outcome::Failed)
    }
}

impl Answer for Acquired {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Value(_) => Outcome::Found(vec![true]),
            Self::Lead { .. } => Outcome::Lead,
            Self::Wait(_) => Outcome::Wait,
        }
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        if let Self::Value(read) = self {
            read.value = alter(&read.value);
        }
    }
}
