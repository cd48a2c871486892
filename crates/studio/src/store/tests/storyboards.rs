//! Storyboards survive a restart, and no change undoes another unseen.

use super::*;

fn document(prompts: &[&str]) -> Document {
    let shots = prompts.iter().enumerate().map(|(index, prompt)| Shot {
        id: index.to_string(),
        prompt: (*prompt).into(),
        seconds: Some(2.0),
        seed: None,
        video_ids: vec!["a".into(), "b".into()],
        video_id: Some("a".into()),
    });
    Document {
        settings: Settings {
            aspect: Some("9:16".into()),
            draft: Some(true),
            ..Settings::default()
        },
        shots: shots.collect(),
    }
}

#[tokio::test]
async fn a_storyboard_is_kept_changed_and_deleted() {
    for on in databases() {
        let (home, store) = on.store().await;
        let (first, second) = (document(&["a dog", "a cat"]), document(&["a cat"]));
        store.add_storyboard("s", "Pets", &first).await.unwrap();
        store
            .add_storyboard("t", "", &Document::default())
            .await
            .unwrap();
        drop(store);
        let store = Store::open(&home.place).await.unwrap();
        let kept = store.storyboard("s").await.unwrap().unwrap();
        assert_eq!(
            (kept.revision, kept.shot_count, &*kept.title),
            (1, 2, "Pets")
        );
        assert_eq!(kept.document.as_ref(), Some(&first));

        let change = async |id: &str, revision| {
            store
                .change_storyboard(id, revision, "Cats", &second)
                .await
                .unwrap()
        };
        assert_eq!(change("s", 1).await, Change::Made);
        assert_eq!(
            change("s", 1).await,
            Change::Conflict,
            "it was made on an older one"
        );
        assert_eq!(change("s", 2).await, Change::Made);
        assert_eq!(change("nobody", 1).await, Change::Missing);
        let kept = store.storyboard("s").await.unwrap().unwrap();
        assert_eq!(
            (kept.revision, kept.shot_count, &*kept.title),
            (3, 1, "Cats")
        );

        let ids = async |after: Option<&str>| {
            let list = store.storyboards(after, 10).await.unwrap();
            assert!(list.iter().all(|storyboard| storyboard.document.is_none()));
            list.into_iter()
                .map(|storyboard| storyboard.id)
                .collect::<String>()
        };
        assert_eq!(ids(None).await, "ts");
        assert_eq!(ids(Some("t")).await, "s");
        assert!(store.delete_storyboard("s").await.unwrap());
        assert!(!store.delete_storyboard("s").await.unwrap());
        assert_eq!(store.storyboard("s").await.unwrap(), None);
    }
}
