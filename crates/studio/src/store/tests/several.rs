//! Several processes on one database, each with connections of its own.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::order::waiting;
use super::*;

/// As many processes as an operator may have.
async fn processes(home: &Home) -> Vec<Store> {
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Store::join(&home.place).await.unwrap());
    }
    stores
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_database_is_made_once() {
    for on in databases() {
        let home = on.home();
        let opened = (0..4).map(|_| {
            let place = home.place.clone();
            async move { Store::open(&place).await }
        });
        for opened in opened.collect::<JoinSet<_>>().join_all().await {
            assert!(opened.expect("a store").is_ready().await);
        }
    }
}

#[tokio::test]
async fn who_joins_makes_nothing() {
    for on in databases() {
        let home = on.home();
        if let Place::File(path) = &home.place {
            std::fs::write(path, "").unwrap(); // which is an empty database
        }
        let joined = Store::join(&home.place).await;
        let Err(StoreError::Version { found: 0 }) = joined else {
            panic!("{joined:?}")
        };
        assert!(joined.unwrap_err().hint().starts_with("open the studio"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_video_is_claimed_by_one() {
    for on in databases() {
        let ids: Vec<_> = (0..40).map(|index| format!("v{index}")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let (home, _store) = on.with(&ids).await;
        let workers = processes(&home).await.into_iter().map(|store| async move {
            let mut made = Vec::new();
            while let Some(claim) = store.claim(None).await.unwrap() {
                store.age(Duration::ZERO).await.unwrap();
                assert_eq!(store.heartbeat(&claim.lease, 5).await.unwrap(), Some(false));
                assert!(store.finish(&claim.lease, &done("x")).await.unwrap());
                made.push(claim.lease.id);
            }
            made
        });
        let made = futures_util::future::join_all(workers).await;
        let made: Vec<_> = made.into_iter().flatten().collect();
        assert_eq!(made.len(), ids.len());
        let once: BTreeSet<_> = made.iter().map(String::as_str).collect();
        assert_eq!(once, ids.into_iter().collect());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creates_at_once_with_one_key_make_one_video() {
    for on in databases() {
        let (home, store) = on.store().await;
        let creates = processes(&home).await.into_iter().enumerate();
        let creates = creates.map(|(index, store)| async move {
            let terms = Terms {
                idempotency: Some(("key", b"body")),
                ..Terms::default()
            };
            let id = format!("v{index}");
            store.accept(&prompt(&id, "p"), &[video(&id)], &terms).await
        });
        let answers = futures_util::future::join_all(creates).await;
        let accepted = answers
            .iter()
            .position(Result::is_ok)
            .expect("one is accepted");
        for (index, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(()) => assert_eq!(index, accepted),
                Err(StoreError::Repeated { id, same_body }) => {
                    assert_eq!((id, same_body), (format!("v{accepted}"), true));
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(store.prompts("", None, 9).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cap_is_passed_by_asking_everywhere_at_once() {
    for on in databases() {
        let (home, store) = on.store().await;
        let key = NewKey {
            id: "k".into(),
            name: String::new(),
            hash: [0; 32],
            tier: Tier::Standard,
            max_queued: None,
        };
        store.add_key(&key).await.unwrap();
        let creates = processes(&home).await.into_iter().enumerate();
        let creates = creates.map(|(index, store)| async move {
            let mut accepted = 0;
            for round in 0..3 {
                let owner = Owner {
                    key_id: "k",
                    most: 5,
                };
                let terms = Terms {
                    owner: Some(owner),
                    ..Terms::default()
                };
                let id = format!("v{index}-{round}");
                match store.accept(&prompt(&id, "p"), &[video(&id)], &terms).await {
                    Ok(()) => accepted += 1,
                    Err(error) => assert!(matches!(error, StoreError::TooMany { most: 5 })),
                }
            }
            accepted
        });
        let accepted = futures_util::future::join_all(creates).await;
        assert_eq!(accepted.iter().sum::<i32>(), 5);
        let places: BTreeSet<_> = (1..=5).collect();
        let mut found = BTreeSet::new();
        for video in store.queue(9).await.unwrap().waiting {
            found.insert(store.position(&video.id).await.unwrap());
        }
        assert_eq!(found, places, "no two have the same place");
        assert!(!waiting(&store).await.is_empty());
    }
}

#[tokio::test]
async fn a_server_tells_what_another_process_wrote() {
    let Some(server) = server() else { return };
    let (home, store) = On::Server(server).with(&["a", "b"]).await;
    let elsewhere = Store::join(&home.place).await.unwrap();
    let mut listener = Listener::new(&home.place).await.unwrap();
    let mut heard = async || listener.next().await.unwrap();
    let lease = elsewhere.claim(None).await.unwrap().unwrap().lease;
    assert_eq!(heard().await, News::Queue);
    elsewhere.heartbeat(&lease, 5).await.unwrap();
    let number = elsewhere.add_progress(&lease, &json!({})).await.unwrap();
    let number = number.expect("the lease is held");
    let video = || "a".to_owned();
    assert_eq!(
        heard().await,
        News::Progress {
            video: video(),
            number
        }
    );
    store.cancel("a").await.unwrap();
    assert_eq!(heard().await, News::Cancel);
    elsewhere
        .finish(&lease, &Ending::cancelled())
        .await
        .unwrap();
    let told = [heard().await, heard().await];
    assert!(told.contains(&News::Queue) && told.contains(&News::Done { video: video() }));
    store.pause(true).await.unwrap();
    assert_eq!(heard().await, News::Queue);
    assert!(elsewhere.claim(None).await.unwrap().is_none());
    store.pause(false).await.unwrap();
    assert_eq!(
        heard().await,
        News::Queue,
        "and nothing of what claimed nothing"
    );
}

#[tokio::test]
async fn who_listens_hears_that_the_server_was_gone() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let place = Place::Server(server.database());
    let store = Store::open(&place).await.unwrap();
    let mut listener = Listener::new(&place).await.unwrap();
    server.restart();
    assert!(store.is_ready().await);
    store.pause(true).await.unwrap();
    let told = listener.next().await;
    assert!(matches!(told, Ok(News::Missed) | Err(_)), "{told:?}");
}

#[tokio::test]
async fn a_picture_is_shown_to_other_processes_as_long_as_its_try_lasts() {
    for on in databases() {
        let (home, store) = on.with(&["a"]).await;
        let lease = store.claim(None).await.unwrap().unwrap().lease;
        let is_server = matches!(home.place, Place::Server(_));
        for webp in ["first", "second"] {
            assert_eq!(store.show(&lease, webp).await.unwrap(), is_server);
        }
        if !is_server {
            continue; // there is no other process
        }
        let other = Store::join(&home.place).await.unwrap();
        assert_eq!(other.preview("a").await.unwrap().as_deref(), Some("second"));
        assert!(store.give_back(&lease, false).await.unwrap());
        assert_eq!(other.preview("a").await.unwrap(), None);
        assert!(!store.show(&lease, "late").await.unwrap(), "it was lost");
        let again = store.claim(None).await.unwrap().unwrap().lease;
        assert!(store.show(&again, "third").await.unwrap());
        assert!(store.finish(&again, &done("x")).await.unwrap());
        assert_eq!(other.preview("a").await.unwrap(), None);
    }
}
