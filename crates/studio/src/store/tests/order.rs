//! Pause, order and second tries, and what they must not break.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::*;
use crate::store::database::Kind;

/// The ids that wait, the next one first.
pub(super) async fn waiting(store: &Store) -> String {
    let queue = store.queue(100).await.unwrap();
    assert_eq!(queue.waiting_count, queue.waiting.len() as i64);
    for (index, video) in queue.waiting.iter().enumerate() {
        let position = store.position(&video.id).await.unwrap();
        assert_eq!(position, index as i64 + 1, "{}", video.id);
    }
    queue.waiting.into_iter().map(|video| video.id).collect()
}

pub(super) async fn claimed(store: &Store) -> Option<Lease> {
    store.claim(None).await.unwrap().map(|claim| claim.lease)
}

fn failed() -> Ending {
    Ending::Failed {
        code: "memory".into(),
        message: "too little memory".into(),
    }
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_and_stays_paused_after_a_restart() {
    for on in databases() {
        let (home, store) = on.with(&["a", "b"]).await;
        let running = claimed(&store).await.unwrap();
        store.pause(true).await.unwrap();
        assert!(claimed(&store).await.is_none());
        assert_eq!(
            store.heartbeat(&running, 10).await.unwrap(),
            Some(false),
            "what runs goes on"
        );
        assert!(store.finish(&running, &done("a/1")).await.unwrap());
        drop(store);
        let store = Store::open(&home.place).await.unwrap();
        assert!(store.queue(9).await.unwrap().paused);
        assert!(claimed(&store).await.is_none());
        store.pause(false).await.unwrap();
        assert_eq!(claimed(&store).await.unwrap().id, "b");
    }
}

#[tokio::test]
async fn waiting_videos_change_places_and_others_do_not() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b", "c", "d", "e"]).await;
        let running = claimed(&store).await.unwrap();
        assert_eq!(waiting(&store).await, "bcde");
        for (id, to, moved, order) in [
            ("d", Move::First, true, "dbce"),
            ("e", Move::Before("b".into()), true, "debc"),
            ("d", Move::Last, true, "ebcd"),
            ("b", Move::Before("b".into()), true, "ebcd"),
            ("e", Move::Before("d".into()), true, "bced"),
            ("a", Move::First, false, "bced"),
            ("b", Move::Before("a".into()), false, "bced"),
            ("b", Move::Before("nobody".into()), false, "bced"),
            ("nobody", Move::Last, false, "bced"),
        ] {
            assert_eq!(store.reorder(id, &to).await.unwrap(), moved, "{id} {to:?}");
            assert_eq!(waiting(&store).await, order, "{id} {to:?}");
        }
        // What comes back after a lost worker is not pushed behind what came later.
        store.give_back(&running, true).await.unwrap();
        assert_eq!(waiting(&store).await, "abced");
        store
            .accept(
                &prompt("pf", "now"),
                &[video("f"), video("g")],
                &Terms {
                    to: Move::First,
                    ..Terms::default()
                },
            )
            .await
            .unwrap();
        store
            .accept(&prompt("ph", "later"), &[video("h")], &Terms::default())
            .await
            .unwrap();
        assert_eq!(waiting(&store).await, "fgabcedh");
        store.cancel("b").await.unwrap();
        assert_eq!(waiting(&store).await, "fgacedh");
    }
}

#[tokio::test]
async fn any_moves_keep_every_video_exactly_once() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b", "c", "d", "e", "f"]).await;
        let mut expected: Vec<char> = "abcdef".chars().collect();
        let mut state = 7_u32; // a fixed walk
        let mut pick = |count: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize % count
        };
        for _ in 0..60 {
            let (from, onto) = (pick(6), pick(6));
            let (moved, target) = (expected[from], expected[onto]);
            let to = match pick(4) {
                0 => Move::First,
                1 => Move::Last,
                _ => Move::Before(target.into()),
            };
            assert!(store.reorder(&moved.to_string(), &to).await.unwrap());
            if to != Move::Before(moved.into()) {
                expected.remove(from);
                let at = match to {
                    Move::First => 0,
                    Move::Last => expected.len(),
                    Move::Before(_) => expected.iter().position(|&c| c == target).unwrap(),
                };
                expected.insert(at, moved);
            }
            assert_eq!(waiting(&store).await, expected.iter().collect::<String>());
        }
        for id in expected {
            assert_eq!(claimed(&store).await.unwrap().id, id.to_string());
        }
        assert!(claimed(&store).await.is_none());
    }
}

#[tokio::test]
async fn a_second_try_is_the_same_request_under_a_new_lease_and_ends_once() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b"]).await;
        let first = claimed(&store).await.unwrap();
        assert!(!store.retry("a", None).await.unwrap(), "it runs");
        assert!(store.finish(&first, &failed()).await.unwrap());
        assert!(store.retry("a", None).await.unwrap());
        assert!(!store.retry("a", None).await.unwrap(), "it waits already");
        assert_eq!(waiting(&store).await, "ba");
        let video = store.video("a").await.unwrap().unwrap();
        assert_eq!(
            (video.error, video.completed_at, video.progress),
            (None, None, 0)
        );
        assert_eq!(video.request.seed, Some(7));
        assert!(
            store.events_after("a", 0).await.unwrap().is_empty(),
            "no old end is told"
        );

        store.reorder("a", &Move::First).await.unwrap();
        let second = claimed(&store).await.unwrap();
        assert_eq!((&*second.id, second.attempt), ("a", 2));
        assert_ne!(first.output_key(), second.output_key());
        assert!(
            !store.finish(&first, &done("old")).await.unwrap(),
            "the first try is over"
        );
        assert!(store.finish(&second, &done("new")).await.unwrap());
        assert!(
            !store.retry("a", None).await.unwrap(),
            "a result is never made twice"
        );
        let video = store.video("a").await.unwrap().unwrap();
        assert_eq!(video.output_key.as_deref(), Some("new"));
        assert_eq!(store.events_after("a", 0).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_second_try_after_lost_workers_or_a_stop_is_a_whole_one() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        for _ in 0..2 {
            for _ in 0..MOST_ATTEMPTS {
                let lease = claimed(&store).await.expect("it waits again");
                store.give_back(&lease, true).await.unwrap();
            }
            let video = store.video("a").await.unwrap().unwrap();
            assert_eq!(video.error.expect("an error").0, "worker_lost");
            assert!(store.retry("a", None).await.unwrap());
        }
        let lease = claimed(&store).await.unwrap();
        store.cancel("a").await.unwrap();
        assert_eq!(store.heartbeat(&lease, 1).await.unwrap(), Some(true));
        store.finish(&lease, &Ending::cancelled()).await.unwrap();
        assert!(store.retry("a", None).await.unwrap());
        let lease = claimed(&store).await.unwrap();
        assert_eq!(
            store.heartbeat(&lease, 1).await.unwrap(),
            Some(false),
            "the stop is forgotten"
        );
        store.finish(&lease, &failed()).await.unwrap();
        store.delete("a").await.unwrap();
        assert!(
            !store.retry("a", None).await.unwrap(),
            "what was deleted is not made"
        );
    }
}

#[tokio::test]
async fn a_database_of_the_first_layout_keeps_its_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("studio.sqlite");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let old = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    sqlx::raw_sql(Kind::Sqlite.layouts()[0].1)
        .execute(&old)
        .await
        .unwrap();
    let request = serde_json::to_string(&video("x").request).unwrap();
    sqlx::query(
        "INSERT INTO prompts (id, created_at, prompt, negative, model, parameters, decision) \
         VALUES ('p', 0, 'a dog', '', '', '{}', 'accepted')",
    )
    .execute(&old)
    .await
    .unwrap();
    for id in ["a", "b"] {
        sqlx::query(
            "INSERT INTO videos (id, prompt_id, batch, request, recipe, notes, created_at, state) \
             VALUES (?, 'p', ?, ?, ?, '[]', 0, 'queued')",
        )
        .bind(id)
        .bind(id)
        .bind(&request)
        .bind(video("x").recipe.to_json())
        .execute(&old)
        .await
        .unwrap();
    }
    sqlx::raw_sql("PRAGMA user_version = 1")
        .execute(&old)
        .await
        .unwrap();
    old.close().await;
    let store = Store::open(&Place::File(path)).await.unwrap();
    assert_eq!(waiting(&store).await, "ab");
    store
        .accept(&prompt("p2", "new"), &[video("c")], &Terms::default())
        .await
        .unwrap();
    assert_eq!(waiting(&store).await, "abc");
}
