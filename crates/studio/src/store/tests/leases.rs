//! Leases that nobody prolongs: found by looking, without a clock.

use super::order::{claimed, waiting};
use super::*;
use crate::store::leases::LOOKS;

/// Looks until something was left, at most as often as it takes; puts that back and says what.
async fn swept(store: &Store, looks: u32) -> Vec<String> {
    let mut watch = Watch::default();
    for _ in 0..looks {
        let abandoned = store.abandoned(&mut watch).await.unwrap();
        for video in &abandoned {
            store.put_back(video).await.unwrap();
        }
        if !abandoned.is_empty() {
            return abandoned.into_iter().map(|video| video.lost.id).collect();
        }
    }
    Vec::new()
}

#[tokio::test]
async fn a_silent_worker_loses_its_video_and_a_living_one_does_not() {
    for on in databases() {
        let (home, store) = on.with(&["a", "b"]).await;
        let (silent, living) = (
            claimed(&store).await.unwrap(),
            claimed(&store).await.unwrap(),
        );
        let elsewhere = Store::join(&home.place).await.unwrap();
        let mut watch = Watch::default();
        for _ in 0..LOOKS {
            store.clock.advance(Duration::from_secs(5));
            store.heartbeat(&living, 1).await.unwrap();
            assert!(elsewhere.abandoned(&mut watch).await.unwrap().is_empty());
        }
        let [abandoned] = &elsewhere.abandoned(&mut watch).await.unwrap()[..] else {
            panic!("a alone is silent")
        };
        assert_eq!(abandoned.lost, silent, "its files are known by its lease");
        assert_eq!(
            store.heartbeat(&silent, 9).await.unwrap(),
            None,
            "taken over"
        );
        assert!(!store.finish(&silent, &done("late")).await.unwrap());
        assert_eq!(waiting(&store).await, "", "until its files are gone");
        elsewhere.put_back(abandoned).await.unwrap();
        assert_eq!(
            claimed(&store).await.unwrap().attempt,
            2,
            "it counts as a try"
        );
        assert_eq!(store.heartbeat(&living, 2).await.unwrap(), Some(false));
    }
}

#[tokio::test]
async fn no_jump_of_a_clock_takes_a_video_away() {
    for on in databases() {
        let (home, store) = on.with(&["a"]).await;
        let lease = claimed(&store).await.unwrap();
        let elsewhere = Store::join(&home.place).await.unwrap();
        elsewhere.clock.advance(Duration::from_hours(24));
        assert!(swept(&elsewhere, LOOKS).await.is_empty(), "too few looks");
        assert_eq!(store.heartbeat(&lease, 1).await.unwrap(), Some(false));
        // A machine that slept sees the same row once more, however long it slept.
        let mut watch = Watch::default();
        elsewhere.abandoned(&mut watch).await.unwrap();
        store.clock.advance(Duration::from_hours(8));
        assert!(elsewhere.abandoned(&mut watch).await.unwrap().is_empty());
        store.set_clock().await.unwrap();
        assert_eq!(
            store.heartbeat(&lease, 2).await.unwrap(),
            Some(false),
            "set back"
        );
        assert!(store.finish(&lease, &done("a/1")).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_left_ends_as_it_must() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b"]).await;
        for attempt in 1..=MOST_ATTEMPTS {
            let lease = claimed(&store).await.unwrap();
            assert_eq!((&*lease.id, lease.attempt), ("a", attempt));
            assert_eq!(swept(&store, LOOKS + 1).await, ["a"]);
        }
        let error = store.video("a").await.unwrap().unwrap().error;
        assert_eq!(error.expect("an error").0, "worker_lost");
        claimed(&store).await.unwrap();
        store.cancel("b").await.unwrap();
        assert_eq!(swept(&store, LOOKS + 1).await, ["b"]);
        let error = store.video("b").await.unwrap().unwrap().error;
        assert_eq!(error.expect("an error").0, "cancelled");
        assert!(swept(&store, LOOKS + 1).await.is_empty(), "nothing runs");
    }
}
