//! Answers of operations, as the wrapping backends need them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::recording::OperationOutcome;
use cache_core::{BackendError, BackendErrorKind};
use cache_core::{LeaseOutcome, RevokePage, ScanPage, StoredValue};

pub(crate) trait Answer: Send {
    fn outcome(&self) -> OperationOutcome;
    /// Replaces the values in the answer.
    fn alter(&mut self, _alter: &dyn Fn(&Bytes) -> Bytes) {}
}

impl Answer for () {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Done
    }
}

impl Answer for BTreeMap<String, String> {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Done
    }
}

impl Answer for bool {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Held(*self)
    }
}

impl Answer for u64 {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Numbers(vec![*self])
    }
}

impl Answer for Vec<u64> {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Numbers(self.clone())
    }
}

impl Answer for RevokePage {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Numbers(vec![self.count])
    }
}

impl Answer for ScanPage {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Keys(self.keys.clone())
    }
}

impl Answer for Vec<Option<StoredValue>> {
    fn outcome(&self) -> OperationOutcome {
        OperationOutcome::Found(self.iter().map(Option::is_some).collect())
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        self.iter_mut().flatten().for_each(|read| read.value = alter(&read.value));
    }
}

impl Answer for Vec<Result<Option<StoredValue>, BackendError>> {
    fn outcome(&self) -> OperationOutcome {
        let failed: Option<BackendErrorKind> =
            self.iter().find_map(|one| Some(one.as_ref().err()?.kind()));
        match failed {
            Some(kind) => OperationOutcome::Failed(kind),
            None => {
                OperationOutcome::Found(self.iter().map(|one| matches!(one, Ok(Some(_)))).collect())
            }
        }
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        let values = self.iter_mut().flatten().flatten();
        values.for_each(|read| read.value = alter(&read.value));
    }
}

impl Answer for Vec<Result<(), BackendError>> {
    fn outcome(&self) -> OperationOutcome {
        let failed = self.iter().find_map(|one| Some(one.as_ref().err()?.kind()));
        failed.map_or(OperationOutcome::Done, OperationOutcome::Failed)
    }
}

impl Answer for LeaseOutcome {
    fn outcome(&self) -> OperationOutcome {
        match self {
            Self::Value(_) => OperationOutcome::Found(vec![true]),
            Self::Lead { .. } => OperationOutcome::Lead,
            Self::Wait(_) => OperationOutcome::Wait,
        }
    }
    fn alter(&mut self, alter: &dyn Fn(&Bytes) -> Bytes) {
        if let Self::Value(read) = self {
            read.value = alter(&read.value);
        }
    }
}
