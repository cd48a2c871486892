use kinora_engine::{Film, Size};

use super::*;

async fn with_remote(on: On, ids: &[&str]) -> (Home, Store) {
    let (home, store) = on.store().await;
    for id in ids {
        let remote = NewVideo {
            remote: Some("far".into()),
            ..video(id)
        };
        let prompt = prompt(&format!("prompt_{id}"), "p");
        let accepted = store.accept(&prompt, &[remote], &Terms::default()).await;
        accepted.expect("an accepted video");
    }
    (home, store)
}

fn failed(code: &str) -> Ending {
    Ending::Failed {
        code: code.into(),
        message: String::new(),
    }
}

#[tokio::test]
async fn a_video_is_made_where_it_was_asked_for() {
    for on in databases() {
        let (_home, store) = with_remote(on, &["a"]).await;
        assert!(store.claim(None).await.unwrap().is_none());
        assert!(store.claim_remote("near").await.unwrap().is_none());
        let claim = store.claim_remote("far").await.unwrap().expect("a waits");
        assert_eq!((&*claim.lease.id, claim.asked), ("a", None));
        assert!(store.claim_remote("far").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_was_asked_for_goes_on_after_any_number_of_restarts() {
    for on in databases() {
        let (_home, store) = with_remote(on, &["a", "b"]).await;
        let lease = store.claim_remote("far").await.unwrap().unwrap().lease;
        assert!(store.ask_remote(&lease, Some("key")).await.unwrap());
        store.name_remote(&lease, "there").await.unwrap();
        store.pause(true).await.unwrap();
        for _ in 0..=MOST_ATTEMPTS {
            recover(&store).await;
            let claim = store
                .claim_remote("far")
                .await
                .unwrap()
                .expect("it goes on");
            assert_eq!((&*claim.lease.id, claim.lease.attempt), ("a", 1));
            assert_eq!(claim.asked.as_deref(), Some("key"));
            assert_eq!(claim.remote_id.as_deref(), Some("there"));
        }
        assert!(
            store.claim_remote("far").await.unwrap().is_none(),
            "b begins nothing in a paused queue"
        );
        assert!(
            !store.ask_remote(&lease, Some("other")).await.unwrap(),
            "a lost lease asks for nothing"
        );
    }
}

#[tokio::test]
async fn a_remote_is_told_of_a_stop_wherever_the_video_waits() {
    for on in databases() {
        let (_home, store) = with_remote(on, &["a", "b"]).await;
        assert!(store.cancel("b").await.unwrap(), "nobody was asked for b");
        let lease = store.claim_remote("far").await.unwrap().unwrap().lease;
        store.ask_remote(&lease, Some("key")).await.unwrap();
        recover(&store).await;
        assert!(
            !store.cancel("a").await.unwrap(),
            "it must be stopped there"
        );
        store.delete("a").await.unwrap();
        let claim = store.claim_remote("far").await.unwrap().expect("a stop");
        assert!(claim.is_cancelled);
    }
}

#[tokio::test]
async fn a_retry_waits_for_what_is_there_and_asks_anew_for_what_is_not() {
    for on in databases() {
        for (code, expected) in [
            ("remote_unavailable", Some("there")),
            ("remote_failed", None),
        ] {
            let (_home, store) = with_remote(on, &["a"]).await;
            let lease = store.claim_remote("far").await.unwrap().unwrap().lease;
            store.ask_remote(&lease, Some("key")).await.unwrap();
            store.name_remote(&lease, "there").await.unwrap();
            assert!(store.finish(&lease, &failed(code)).await.unwrap());
            assert!(store.retry("a", None).await.unwrap());
            let claim = store.claim_remote("far").await.unwrap().unwrap();
            assert_eq!(claim.remote_id.as_deref(), expected, "{code}");
            assert_eq!(claim.asked.is_some(), expected.is_some(), "{code}");
        }
    }
}

#[tokio::test]
async fn the_file_tells_what_a_clip_of_a_remote_is() {
    for on in databases() {
        let (_home, store) = with_remote(on, &["a"]).await;
        let lease = store.claim_remote("far").await.unwrap().unwrap().lease;
        let made = Made {
            seed: 7,
            adherence: None,
            film: Some(Film {
                size: Size::new(640, 360),
                fps: 25,
                frames: 100,
            }),
        };
        let before = store.video("a").await.unwrap().unwrap().recipe;
        let ending = Ending::Completed {
            output_key: "a/1".into(),
            made,
        };
        assert!(store.finish(&lease, &ending).await.unwrap());
        let video = store.video("a").await.unwrap().unwrap();
        let effective = &video.recipe.effective;
        assert_eq!(effective.framing.size, Size::new(640, 360));
        assert_eq!((effective.timing.seconds, effective.frames()), (4.0, 100));
        assert_eq!(effective.prompt, before.effective.prompt, "the rest stays");
    }
}

#[tokio::test]
async fn videos_of_a_remote_that_is_gone_end() {
    for on in databases() {
        let (_home, store) = with_remote(on, &["a"]).await;
        store.end_orphans(&["near", "far"]).await.unwrap();
        assert_eq!(store.video("a").await.unwrap().unwrap().error, None);
        store.end_orphans(&["near"]).await.unwrap();
        let error = store.video("a").await.unwrap().unwrap().error;
        assert_eq!(error.expect("an error").0, "remote_removed");
    }
}
