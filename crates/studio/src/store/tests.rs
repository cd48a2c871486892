use kinora_engine::{Engine, Request};
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::queue::MOST_ATTEMPTS;
use super::*;

mod leases;
mod order;
mod remotes;
mod server;
mod several;
mod storyboards;
mod tiers;
mod webhooks;

use server::{Server, server};

/// A database that a test runs on.
#[derive(Clone, Copy)]
enum On {
    File,
    Server(&'static Server),
}

/// Where the database of a test is, as long as the test goes on.
struct Home {
    place: Place,
    _folder: tempfile::TempDir,
}

/// Both databases; what a test says shows on which it happened.
fn databases() -> impl Iterator<Item = On> {
    let all = [Some(On::File), server().map(On::Server)];
    let all = all.into_iter().flatten();
    all.inspect(|on| match on {
        On::File => eprintln!("on a file"),
        On::Server(_) => eprintln!("on a server"),
    })
}

impl On {
    fn home(self) -> Home {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = match self {
            Self::File => Place::File(folder.path().join("a b?%41.sqlite")),
            Self::Server(server) => Place::Server(server.database()),
        };
        Home {
            place,
            _folder: folder,
        }
    }

    /// An empty store.
    async fn store(self) -> (Home, Store) {
        let home = self.home();
        let store = Store::open(&home.place).await.expect("a store");
        (home, store)
    }

    /// A store in which these videos wait.
    async fn with(self, ids: &[&str]) -> (Home, Store) {
        let (home, store) = self.store().await;
        for id in ids {
            let prompt = prompt(&format!("prompt_{id}"), &format!("prompt of {id}"));
            store
                .accept(&prompt, &[video(id)], &Terms::default())
                .await
                .expect("an accepted video");
        }
        (home, store)
    }
}

fn prompt(id: &str, text: &str) -> NewPrompt {
    NewPrompt {
        id: id.into(),
        prompt: text.into(),
        negative: String::new(),
        model: "kinora-1".into(),
        parameters: json!({"seconds": 1}),
        decision: "accepted".into(),
        warning: None,
        parent_id: None,
    }
}

fn video(id: &str) -> NewVideo {
    let request = Request {
        prompt: "a dog runs over a beach".into(),
        seed: Some(7),
        ..Request::default()
    };
    let job = Engine::new()
        .resolve(&request)
        .expect("a request that is fine");
    NewVideo {
        id: id.into(),
        request,
        recipe: job.recipe,
        notes: job.notes,
        remixed_from: None,
        inputs: Inputs::default(),
        tier: Tier::Standard,
        remote: None,
    }
}

/// Puts back what runs, as a studio does that has its database to itself; how many there were.
async fn recover(store: &Store) -> usize {
    let unfinished = store.unfinished().await.unwrap();
    for abandoned in &unfinished {
        store.put_back(abandoned).await.unwrap();
    }
    unfinished.len()
}

fn done(key: &str) -> Ending {
    Ending::Completed {
        output_key: key.into(),
        made: Made {
            seed: 11,
            adherence: Some(json!({"satisfied": 2, "checkable": 3, "clauses": []})),
            film: None,
        },
    }
}

#[tokio::test]
async fn videos_are_claimed_once_and_in_order() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b"]).await;
        assert_eq!(store.position("b").await.unwrap(), 2);
        let first = store.claim(None).await.unwrap().expect("a waits");
        let second = store.claim(None).await.unwrap().expect("b waits");
        assert_eq!([&*first.lease.id, &*second.lease.id], ["a", "b"]);
        assert!(store.claim(None).await.unwrap().is_none());
        assert_eq!(
            store.video("a").await.unwrap().unwrap().state,
            State::Running
        );
    }
}

#[tokio::test]
async fn a_lost_lease_changes_nothing() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        let lost = store.claim(None).await.unwrap().unwrap().lease;
        assert!(store.give_back(&lost, true).await.unwrap());
        let lease = store.claim(None).await.unwrap().unwrap().lease;
        assert_eq!(store.heartbeat(&lost, 50).await.unwrap(), None);
        assert!(!store.finish(&lost, &done("old")).await.unwrap());
        assert!(!store.give_back(&lost, true).await.unwrap());
        assert!(store.finish(&lease, &done("new")).await.unwrap());
        let video = store.video("a").await.unwrap().unwrap();
        assert_eq!(video.output_key.as_deref(), Some("new"));
        assert_eq!((video.state, video.progress), (State::Completed, 100));
        // It ended: nobody ends it again.
        assert!(!store.finish(&lease, &Ending::cancelled()).await.unwrap());
    }
}

#[tokio::test]
async fn an_end_that_may_have_been_written_is_written_once() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        let lease = store.claim(None).await.unwrap().unwrap().lease;
        for _ in 0..2 {
            assert!(store.conclude(&lease, &done("new")).await.unwrap());
        }
        assert!(!store.conclude(&lease, &done("old")).await.unwrap());
        let cancelled = Ending::cancelled();
        assert!(!store.conclude(&lease, &cancelled).await.unwrap());
        let events = store.events_after("a", 0).await.unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_passes() {
    let (_home, store) = On::File.with(&["a"]).await;
    let limit = async |pages: &'static str| {
        let set = sqlx::raw_sql(pages).execute(&store.database.writer).await;
        set.expect("a limit");
    };
    limit("PRAGMA max_page_count = 1").await; // no more than there are
    let long = prompt("p2", &"a dog ".repeat(20_000));
    let videos = [video("b")];
    let accept = async || store.accept(&long, &videos, &Terms::default()).await;
    let refused = accept().await.expect_err("no room");
    assert_eq!(refused.obstacle(), Some(Obstacle::Full), "{refused}");
    limit("PRAGMA max_page_count = 1000000").await;
    accept().await.expect("room again");
    assert_eq!(store.waiting().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_video_whose_worker_is_lost_too_often_fails() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        for _ in 0..MOST_ATTEMPTS {
            let lease = store
                .claim(None)
                .await
                .unwrap()
                .expect("it waits again")
                .lease;
            store.give_back(&lease, true).await.unwrap();
        }
        assert!(store.claim(None).await.unwrap().is_none());
        let video = store.video("a").await.unwrap().unwrap();
        assert_eq!(video.error.expect("an error").0, "worker_lost");
    }
}

#[tokio::test]
async fn closing_the_studio_does_not_count_as_a_try() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        for _ in 0..=MOST_ATTEMPTS {
            let lease = store
                .claim(None)
                .await
                .unwrap()
                .expect("it waits again")
                .lease;
            assert_eq!(lease.attempt, 1);
            store.give_back(&lease, false).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_running_goes_on_after_a_crash() {
    for on in databases() {
        let (home, store) = on.with(&["a", "b", "c"]).await;
        store.claim(None).await.unwrap();
        store.claim(None).await.unwrap();
        assert!(!store.cancel("b").await.unwrap(), "b runs and stops later");
        drop(store);
        let store = Store::open(&home.place).await.unwrap();
        assert_eq!(recover(&store).await, 2);
        assert_eq!(
            store.video("a").await.unwrap().unwrap().state,
            State::Queued
        );
        let cancelled = store.video("b").await.unwrap().unwrap();
        assert_eq!(cancelled.error.expect("an error").0, "cancelled");
        assert_eq!(store.claim(None).await.unwrap().unwrap().lease.id, "a");
    }
}

#[tokio::test]
async fn a_waiting_video_is_cancelled_at_once_and_says_so() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        assert!(store.cancel("a").await.unwrap());
        assert!(store.claim(None).await.unwrap().is_none());
        let events = store.events_after("a", 0).await.unwrap();
        assert_eq!(
            events.iter().map(|e| &*e.kind).collect::<Vec<_>>(),
            ["done"]
        );
    }
}

#[tokio::test]
async fn an_idempotency_key_makes_one_video() {
    for on in databases() {
        let (_home, store) = on.store().await;
        let accept = async |id: &str, hash: &[u8]| {
            let prompt = prompt(&format!("prompt_{id}"), "p");
            store
                .accept(
                    &prompt,
                    &[video(id)],
                    &Terms {
                        idempotency: Some(("key", hash)),
                        ..Terms::default()
                    },
                )
                .await
        };
        accept("a", b"one").await.unwrap();
        let repeated = |result| match result {
            Err(StoreError::Repeated { id, same_body }) => (id, same_body),
            other => panic!("{other:?}"),
        };
        assert_eq!(repeated(accept("b", b"one").await), ("a".into(), true));
        assert_eq!(repeated(accept("c", b"two").await), ("a".into(), false));
        assert_eq!(
            store.prompts("", None, 10).await.unwrap().len(),
            1,
            "nothing was logged twice"
        );
    }
}

#[tokio::test]
async fn a_video_that_is_deleted_while_it_is_made_ends_without_files() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        let lease = store.claim(None).await.unwrap().unwrap().lease;
        assert!(!store.cancel("a").await.unwrap(), "it runs");
        assert_eq!(store.delete("a").await.unwrap(), None);
        // Given back as it is, it comes once more, to be ended.
        assert!(store.give_back(&lease, true).await.unwrap());
        let lease = store.claim(None).await.unwrap().unwrap().lease;
        assert!(!store.conclude(&lease, &done("a/1")).await.unwrap());
        let state: String = sqlx::query_scalar("SELECT state FROM videos WHERE id = 'a'")
            .fetch_one(&store.database.readers)
            .await
            .unwrap();
        assert_eq!(state, "failed");
        let late = store.add_progress(&lease, &json!({})).await;
        assert_eq!(late.unwrap(), None, "nobody holds it any more");
    }
}

#[tokio::test]
async fn paging_goes_on_past_a_deleted_video() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b", "c", "d"]).await;
        store.delete("c").await.unwrap();
        let after = async |after: Option<&str>, ascending| {
            let filter = Filter {
                after: after.map(Into::into),
                ascending,
                limit: 10,
                ..Filter::default()
            };
            let videos = store.videos(&filter).await.unwrap();
            videos.into_iter().map(|video| video.id).collect::<String>()
        };
        assert_eq!(after(None, false).await, "dba");
        assert_eq!(after(Some("c"), false).await, "ba");
        assert_eq!(after(Some("a"), true).await, "bd");
    }
}

#[tokio::test]
async fn the_log_keeps_prompts_of_deleted_videos_and_finds_text_literally() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        store
            .accept(
                &prompt("p2", "100% snow_fall"),
                &[video("b")],
                &Terms::default(),
            )
            .await
            .unwrap();
        store.delete("b").await.unwrap();
        let found = async |text: &str| {
            let prompts = store.prompts(text, None, 10).await.unwrap();
            prompts
                .into_iter()
                .map(|prompt| prompt.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(found("100% snow_").await, ["p2"]);
        assert_eq!(found("100_").await, Vec::<String>::new());
        assert!(store.annotate("p2", Some(4), None).await.unwrap());
        assert!(store.annotate("p2", None, Some("keep")).await.unwrap());
        let prompt = store.prompt("p2").await.unwrap().unwrap();
        assert_eq!(
            (prompt.rating, &*prompt.note, prompt.video_ids),
            (4, "keep", vec!["b".into()])
        );
        assert!(!store.annotate("nobody", Some(1), None).await.unwrap());
    }
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    for on in databases() {
        let (home, store) = on.store().await;
        let later = store.database.kind.write_layout(99);
        sqlx::raw_sql(AssertSqlSafe(later))
            .execute(&store.database.writer)
            .await
            .unwrap();
        drop(store);
        for opened in [
            Store::open(&home.place).await,
            Store::join(&home.place).await,
        ] {
            assert!(matches!(opened, Err(StoreError::Version { found: 99 })));
        }
    }
}
