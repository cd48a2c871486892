use super::*;

fn endpoint(id: &str, event_types: &[&str]) -> Endpoint {
    Endpoint {
        id: id.into(),
        created_at: 0,
        name: id.into(),
        url: "https://example.org".into(),
        event_types: event_types.iter().map(|&kind| kind.into()).collect(),
        secret: "whsec_".into(),
        configured: true,
    }
}

async fn told(store: &Store, endpoint: &str) -> Vec<(String, i64)> {
    let deliveries = store.deliveries(endpoint, 10).await.unwrap();
    let told = deliveries.into_iter();
    told.map(|delivery| (delivery.state, delivery.attempts))
        .collect()
}

#[tokio::test]
async fn an_end_is_told_to_whom_it_concerns_and_only_when_it_holds() {
    for on in databases() {
        let (_home, store) = on.with(&["a"]).await;
        for (id, kind) in [("completed", EVENT_TYPES[0]), ("failed", EVENT_TYPES[1])] {
            store.add_endpoint(&endpoint(id, &[kind])).await.unwrap();
        }
        let claim = store.claim(None).await.unwrap().expect("a waits");
        let mut stale = claim.lease.clone();
        stale.token = "lost".into();
        assert!(!store.finish(&stale, &done("a/1")).await.unwrap());
        assert!(told(&store, "completed").await.is_empty(), "not ended");
        assert!(store.finish(&claim.lease, &done("a/1")).await.unwrap());
        assert_eq!(told(&store, "completed").await, [("pending".into(), 0)]);
        assert!(told(&store, "failed").await.is_empty());
    }
}

#[tokio::test]
async fn a_delivery_is_due_until_it_is_told_or_given_up() {
    for on in databases() {
        let (_home, store) = on.with(&["a", "b"]).await;
        store
            .add_endpoint(&endpoint("e", &[EVENT_TYPES[1]]))
            .await
            .unwrap();
        for id in ["a", "b"] {
            assert!(store.cancel(id).await.unwrap());
        }
        let due = async || {
            let due = store.due_deliveries(8, 1000).await.unwrap();
            due.into_iter()
                .map(|(delivery, _)| delivery.number)
                .collect::<Vec<_>>()
        };
        let failed = |again_at| Attempt {
            status_code: Some(500),
            error: Some("it answered 500".into()),
            again_at,
        };
        let [first] = due().await[..] else {
            panic!("one of an endpoint at a time")
        };
        let later = failed(Some(store.now() + 900));
        store.settle_delivery(first, &later).await.unwrap();
        let [second] = due().await[..] else {
            panic!("the second does not wait for the first")
        };
        assert!(second > first);
        let set_back = failed(Some(store.now() + 100_000));
        store.settle_delivery(second, &set_back).await.unwrap();
        assert_eq!(
            due().await,
            [second],
            "no wait is that long: the clock was set back"
        );
        store.settle_delivery(second, &failed(None)).await.unwrap();
        let states = told(&store, "e").await;
        assert_eq!(states, [("given_up".into(), 2), ("pending".into(), 1)]);
        store.delete_endpoint("e").await.unwrap();
        assert_eq!(told(&store, "e").await[1], ("given_up".into(), 1));
    }
}

#[tokio::test]
async fn configured_endpoints_keep_their_ids() {
    for on in databases() {
        let (_home, store) = on.store().await;
        let (one, two) = (endpoint("one", &[]), endpoint("two", &[]));
        store
            .configure_endpoints(&[one.clone(), two])
            .await
            .unwrap();
        let mut changed = one.clone();
        changed.id = "another".into();
        changed.url = "https://example.net".into();
        store.configure_endpoints(&[changed]).await.unwrap();
        let [kept] = &store.endpoints(None, 10).await.unwrap()[..] else {
            panic!("two is gone")
        };
        assert_eq!((&*kept.id, &*kept.url), ("one", "https://example.net"));
    }
}
