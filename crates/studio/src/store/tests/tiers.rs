//! Tiers, aging, and what an API key may have waiting.

use super::order::{claimed, waiting};
use super::*;

const AGING: Duration = Duration::from_mins(10);

async fn add(store: &Store, id: &str, tier: Tier, to: Move) {
    let video = NewVideo { tier, ..video(id) };
    let terms = Terms {
        to,
        ..Terms::default()
    };
    let prompt = prompt(&format!("prompt_{id}"), "p");
    store.accept(&prompt, &[video], &terms).await.unwrap();
}

#[tokio::test]
async fn pro_goes_first_and_what_waited_long_goes_with_it() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b"]).await;
        add(&store, "P", Tier::Pro, Move::Last).await;
        assert_eq!(waiting(&store).await, "Pab");
        store.clock.advance(AGING / 2);
        add(&store, "c", Tier::Standard, Move::Last).await;
        add(&store, "Q", Tier::Pro, Move::Last).await;
        store.age(AGING).await.unwrap();
        assert_eq!(waiting(&store).await, "PQabc", "nobody waited long enough");

        store.clock.advance(AGING / 2);
        store.age(AGING).await.unwrap();
        assert_eq!(
            waiting(&store).await,
            "abPQc",
            "a and b came before P and Q"
        );
        add(&store, "R", Tier::Pro, Move::Last).await;
        assert_eq!(waiting(&store).await, "abPQRc");
        store.clock.advance(AGING);
        store.age(AGING).await.unwrap();
        assert_eq!(waiting(&store).await, "abPcQR");
    }
}

#[tokio::test]
async fn standard_never_starves_behind_pro_that_keeps_coming() {
    for on in databases() {
        let (_home, store) = on.with(&["s"]).await;
        add(&store, "0", Tier::Pro, Move::Last).await;
        let mut minute = 0;
        loop {
            // One is made a minute, and another one comes.
            minute += 1;
            store.clock.advance(Duration::from_mins(1));
            store.age(AGING).await.unwrap();
            let lease = claimed(&store).await.expect("something waits");
            store.finish(&lease, &done("x")).await.unwrap();
            if lease.id == "s" {
                break;
            }
            assert!(minute < 20, "it starved");
            add(&store, &minute.to_string(), Tier::Pro, Move::Last).await;
        }
        assert_eq!(minute, 10, "as soon as it has waited long enough");
    }
}

#[tokio::test]
async fn an_order_that_the_user_gave_holds_through_tiers_and_aging() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b", "c"]).await;
        add(&store, "P", Tier::Pro, Move::Last).await;
        store.clock.advance(AGING / 2);
        add(&store, "d", Tier::Standard, Move::Last).await;
        assert_eq!(waiting(&store).await, "Pabcd");
        for (id, to, order) in [
            ("c", Move::First, "cPabd"),
            ("P", Move::Before("d".into()), "cabPd"),
            ("d", Move::Before("b".into()), "cadbP"),
            ("c", Move::Last, "adbPc"),
        ] {
            assert!(store.reorder(id, &to).await.unwrap());
            assert_eq!(waiting(&store).await, order);
        }
        for _ in 0..3 {
            store.clock.advance(AGING / 2);
            store.age(AGING).await.unwrap();
            assert_eq!(waiting(&store).await, "adbPc", "aging keeps it");
        }
        add(&store, "e", Tier::Standard, Move::First).await;
        assert_eq!(waiting(&store).await, "eadbPc", "first is before Pro too");
        let lease = claimed(&store).await.unwrap();
        store.give_back(&lease, true).await.unwrap();
        assert_eq!(
            waiting(&store).await,
            "eadbPc",
            "it comes back to its place"
        );
    }
}

#[tokio::test]
async fn a_second_try_waits_in_the_line_of_its_tier() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        add(&store, "P", Tier::Pro, Move::Last).await;
        add(&store, "Q", Tier::Pro, Move::Last).await;
        for id in ["P", "a"] {
            store.cancel(id).await.unwrap();
            assert!(store.retry(id, None).await.unwrap());
        }
        assert_eq!(waiting(&store).await, "QPa");
    }
}

#[tokio::test]
async fn a_worker_for_pro_takes_nothing_else() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        let pro = async || store.claim(Some(Tier::Pro)).await.unwrap();
        store.clock.advance(AGING);
        store.age(AGING).await.unwrap();
        assert!(pro().await.is_none(), "an aged one is still standard");
        add(&store, "P", Tier::Pro, Move::Last).await;
        assert_eq!(pro().await.expect("P waits").lease.id, "P");
        assert_eq!(claimed(&store).await.expect("a waits").id, "a");
    }
}

#[tokio::test]
async fn a_key_has_no_more_unfinished_videos_than_it_may() {
    for on in databases() {
        let (_home, store) = on.store().await;
        store.add_key(&key("k", None)).await.unwrap();
        let accept = async |ids: &[&str], most| {
            let videos: Vec<_> = ids.iter().map(|id| video(id)).collect();
            let owner = Owner { key_id: "k", most };
            let terms = Terms {
                owner: Some(owner),
                ..Terms::default()
            };
            let prompt = prompt(&format!("prompt_{}", ids[0]), "p");
            store.accept(&prompt, &videos, &terms).await
        };
        accept(&["a", "b"], 3).await.unwrap();
        let refused = accept(&["c", "d"], 3).await;
        assert!(matches!(refused, Err(StoreError::TooMany { most: 3 })));
        assert_eq!(waiting(&store).await, "ab", "all or nothing");
        accept(&["c"], 3).await.unwrap();
        claimed(&store).await.unwrap();
        assert!(accept(&["d"], 3).await.is_err(), "what runs counts too");
        store.cancel("b").await.unwrap();
        accept(&["d"], 3).await.unwrap();
        let owner = Owner {
            key_id: "k",
            most: 3,
        };
        let again = store.retry("b", Some(owner)).await;
        assert!(matches!(again, Err(StoreError::TooMany { most: 3 })));
        accept(&["e", "f"], 0).await.unwrap();
    }
}

fn key(id: &str, max_queued: Option<u32>) -> NewKey {
    NewKey {
        id: id.into(),
        name: "test".into(),
        hash: [id.len() as u8; 32],
        tier: Tier::Pro,
        max_queued,
    }
}

#[tokio::test]
async fn a_revoked_key_is_listed_and_counts_no_more() {
    for on in databases() {
        let (_home, store) = on.store().await;
        store.add_key(&key("k", Some(7))).await.unwrap();
        store.add_key(&key("other", None)).await.unwrap();
        assert!(store.revoke_key("k").await.unwrap());
        assert!(!store.revoke_key("k").await.unwrap(), "once");
        let keys = store.keys().await.unwrap();
        assert_eq!((keys.len(), keys[0].max_queued), (2, Some(7)));
        assert!(keys[0].revoked_at.is_some());
        let active = store.active_keys().await.unwrap();
        assert_eq!((active.len(), &*active[0].id), (1, "other"));
        assert_eq!(active[0].tier, Tier::Pro);
    }
}
