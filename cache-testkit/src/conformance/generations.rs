//! Generations: created once, and only ever incremented.

use std::time::Duration;

use cache_core::SERIES;

use super::{Suite, together};

/// Long enough that no generation expires, however slow the machine is.
const KEEP: Duration = Duration::from_secs(60);

impl Suite<'_> {
    async fn generation(&self, key: &str) -> u64 {
        self.backend.generations(&[key], KEEP).await.expect("generations")[0]
    }

    async fn bump(&self, key: &str) -> u64 {
        self.backend.bump(key).await.expect("bump")
    }

    pub(super) async fn generations_stay_until_they_are_bumped(&self) {
        let (a, b) = (self.key("gen-a"), self.key("gen-b"));
        let first = self.backend.generations(&[&a, &b], KEEP).await.expect("generations");
        assert_eq!(first.len(), 2, "as many generations as keys");
        let again = self.backend.generations(&[&a, &b, &a], KEEP).await.expect("generations");
        let expected = [first[0], first[1], first[0]];
        assert_eq!(again, expected, "existing generations stay, in the keys' order");
        assert!(self.backend.generations(&[], KEEP).await.expect("no keys").is_empty());
    }

    pub(super) async fn generations_are_of_one_key_each(&self) {
        let (moved, other) = (self.key("gen-moved"), self.key("gen-other"));
        let before = self.generation(&other).await;
        self.bump(&moved).await;
        self.bump(&moved).await;
        assert_eq!(self.generation(&other).await, before, "a bump changes only its own key");
    }

    pub(super) async fn lost_generations_are_not_minted_again(&self) {
        let key = self.key("gen-lost");
        let mut had = vec![self.generation(&key).await, self.bump(&key).await];
        for _ in 0..3 {
            self.backend.remove(&[&key], None).await.expect("remove");
            let new = self.generation(&key).await;
            assert!(
                !had.contains(&new),
                "a generation that was removed is there again: {new} of {had:?}; `remove` has to remove \
                 generations, too, and none may be minted again"
            );
            had.push(new);
        }
        self.backend.remove(&[&key], None).await.expect("remove");
        let bumped = self.bump(&key).await;
        assert!(
            !had.contains(&bumped),
            "a bump never creates an earlier generation again: {bumped} of {had:?}"
        );
    }

    pub(super) async fn prolonged_generations_stay(&self) {
        let (short, other) = (self.key("gen-short"), self.key("gen-other"));
        let brief = Duration::from_millis(1);
        let minted = self.backend.generations(&[&short], brief).await.expect("generations")[0];
        self.backend.prolong(&[(&short, minted)], KEEP).await.expect("prolong");
        let other_seen = self.generation(&other).await;
        self.backend.prolong(&[(&other, other_seen)], brief).await.expect("prolong");
        self.backend.prolong(&[], KEEP).await.expect("no generations");
        tokio::time::sleep(Duration::from_millis(60)).await;
        // It may have expired before it was prolonged: then a new one is created, once.
        let now = self.generation(&short).await;
        assert_eq!(self.generation(&short).await, now, "a generation stays");
        assert_eq!(
            self.generation(&other).await,
            other_seen,
            "`prolong` never shortens a remaining time"
        );
    }

    pub(super) async fn prolonging_brings_no_generation_back(&self) {
        let (gone, moved) = (self.key("gen-gone"), self.key("gen-moved-on"));
        let (old, before) = (self.generation(&gone).await, self.generation(&moved).await);
        self.backend.remove(&[&gone], None).await.expect("remove");
        let after = self.bump(&moved).await;
        let seen = [(gone.as_str(), old), (moved.as_str(), before)];
        self.backend.prolong(&seen, KEEP).await.expect("prolong");
        assert_ne!(self.generation(&gone).await, old, "an absent generation stays absent");
        assert_eq!(
            self.generation(&moved).await,
            after,
            "an incremented generation stays as it is"
        );
    }

    pub(super) async fn bumps_move_on(&self) {
        let key = self.key("bumped");
        let old = self.generation(&key).await;
        let new = self.bump(&key).await;
        assert!(new > old, "a bump increments the generation: {old} to {new}");
        let newer = self.bump(&key).await;
        assert!(newer > new, "each bump increments the generation: {new} to {newer}");
        assert_eq!(self.generation(&key).await, newer, "the new generation is read");
    }

    pub(super) async fn bumps_begin_series(&self) {
        let (key, lost) = (self.key("series"), self.key("series-lost"));
        let (old, new) = (self.generation(&key).await, self.bump(&key).await);
        assert!(new / SERIES > old / SERIES, "a bump begins a new series: {old} to {new}");
        let first = self.generation(&lost).await;
        self.backend.remove(&[&lost], None).await.expect("remove");
        let again = self.generation(&lost).await;
        assert_ne!(
            first / SERIES,
            again / SERIES,
            "a generation that is created begins a new series"
        );
        let soft = self.backend.bump_softly(&key).await.expect("bump_softly");
        assert!(soft > new, "a soft bump increments the generation: {new} to {soft}");
        assert_eq!(self.generation(&key).await, soft, "the new generation is read");
        assert!(self.bump(&key).await / SERIES > soft / SERIES, "a bump ends the series");
    }

    pub(super) async fn bumps_are_atomic(&self) {
        let key = self.key("bumped-by-many");
        let bumped = together((0..50).map(|_| self.backend.bump(&key)).collect()).await;
        let mut bumped: Vec<u64> = bumped.into_iter().map(|new| new.expect("bump")).collect();
        bumped.sort_unstable();
        bumped.dedup();
        assert_eq!(bumped.len(), 50, "concurrent bumps return different numbers");
        assert_eq!(
            Some(&self.generation(&key).await),
            bumped.last(),
            "the greatest number is read"
        );
    }
}
