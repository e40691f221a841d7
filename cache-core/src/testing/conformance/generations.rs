//! Generations: minted once, and only ever moved on.

use super::{Suite, together};

impl Suite<'_> {
    async fn generation(&self, key: &str) -> u64 {
        self.backend.generations(&[key]).await.expect("generations")[0]
    }

    async fn bump(&self, key: &str) -> u64 {
        self.backend.bump(key).await.expect("bump")
    }

    pub(super) async fn generations_stay_until_they_are_bumped(&self) {
        let (a, b) = (self.key("gen-a"), self.key("gen-b"));
        let first = self.backend.generations(&[&a, &b]).await.expect("generations");
        assert_eq!(first.len(), 2, "as many generations as keys");
        let again = self.backend.generations(&[&a, &b, &a]).await.expect("generations");
        let expected = [first[0], first[1], first[0]];
        assert_eq!(again, expected, "a generation stays, and is answered in the keys' order");
        assert!(self.backend.generations(&[]).await.expect("no keys").is_empty());
    }

    pub(super) async fn generations_are_of_one_key_each(&self) {
        let (moved, other) = (self.key("gen-moved"), self.key("gen-other"));
        let before = self.generation(&other).await;
        self.bump(&moved).await;
        self.bump(&moved).await;
        assert_eq!(self.generation(&other).await, before, "a bump is of its own key only");
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
        assert!(!had.contains(&bumped), "a bump mints no generation again: {bumped} of {had:?}");
    }

    pub(super) async fn bumps_move_on(&self) {
        let key = self.key("bumped");
        let old = self.generation(&key).await;
        let new = self.bump(&key).await;
        assert!(new > old, "a bump moves on: {old} to {new}");
        let newer = self.bump(&key).await;
        assert!(newer > new, "each bump moves on: {new} to {newer}");
        assert_eq!(self.generation(&key).await, newer, "and the new one is read");
    }

    pub(super) async fn bumps_are_atomic(&self) {
        let key = self.key("bumped-by-many");
        let bumped = together((0..50).map(|_| self.backend.bump(&key)).collect()).await;
        let mut bumped: Vec<u64> = bumped.into_iter().map(|new| new.expect("bump")).collect();
        bumped.sort_unstable();
        bumped.dedup();
        assert_eq!(bumped.len(), 50, "of many concurrent bumps each returns its own number");
        assert_eq!(Some(&self.generation(&key).await), bumped.last(), "the last one is read");
    }
}
