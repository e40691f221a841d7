//! Generations: minted once, and only ever moved on.

use super::Suite;

impl Suite<'_> {
    pub(super) async fn generations(&self) {
        self.mints_generations().await;
        self.bumps_generations().await;
    }

    async fn mints_generations(&self) {
        let (a, b) = (self.key("gen-a"), self.key("gen-b"));
        let first = self.backend.generations(&[&a, &b]).await.expect("generations");
        let again = self.backend.generations(&[&a, &b]).await.expect("generations");
        assert_eq!(first, again, "a generation stays until it is bumped");
        self.backend.remove(&[&a], None).await.expect("remove");
        let new = self.backend.generations(&[&a]).await.expect("generations");
        assert_ne!(new[0], first[0], "a lost generation is not minted again");
    }

    async fn bumps_generations(&self) {
        let key = self.key("bumped");
        let old = self.backend.generations(&[&key]).await.expect("generations")[0];
        let new = self.backend.bump(&key).await.expect("bump");
        assert!(new > old, "a bump moves on: {old} to {new}");
        let newer = self.backend.bump(&key).await.expect("bump");
        assert!(newer > new, "each bump moves on: {new} to {newer}");
        let now = self.backend.generations(&[&key]).await.expect("generations");
        assert_eq!(now, [newer], "and the new one is read");
    }
}
