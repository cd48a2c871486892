//! What must be true of every accepted video once all is quiet: it ended once, with one file of its
//! own or none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kinora_media::{ClipReader, read_recipe};
use serde_json::Value;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AnyPool, Row};

use crate::stage::Studio;

/// The database of a data folder, beside the studio that uses it.
pub async fn database(data: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(data.join("studio.sqlite"));
    SqlitePool::connect_with(options)
        .await
        .expect("the database")
}

/// Checks that exactly the accepted videos are in the database of the data folder, and each as it must
/// be; returns how many were completed.
pub fn check(studio: &Studio, data: &Path, accepted: &BTreeSet<String>) -> usize {
    let url = format!("sqlite://{}", data.join("studio.sqlite").display());
    check_in(&url, studio, data, accepted)
}

/// The same of any database.
pub fn check_in(url: &str, studio: &Studio, data: &Path, accepted: &BTreeSet<String>) -> usize {
    install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let rows = runtime.expect("a runtime").block_on(async {
        let pool = AnyPoolOptions::new().max_connections(1).connect(url).await;
        let database: AnyPool = pool.expect("the database");
        let sql = "SELECT id, state, output_key, lease_token, (SELECT count(*) FROM events e \
            WHERE e.video_id = v.id AND e.kind = 'done') AS ends FROM videos v";
        let rows = sqlx::query(sql).fetch_all(&database).await;
        database.close().await;
        rows.expect("rows")
    });
    let ids: BTreeSet<String> = rows.iter().map(|row| row.get("id")).collect();
    assert_eq!(
        &ids, accepted,
        "what was accepted is there, and nothing else"
    );
    let mut completed = 0;
    for row in &rows {
        let (id, state): (String, String) = (row.get("id"), row.get("state"));
        let key: Option<String> = row.get("output_key");
        let lease: Option<String> = row.get("lease_token");
        assert_eq!((row.get("ends"), lease), (1_i64, None), "{id} {state}");
        let videos = videos_of(data, &id);
        match state.as_str() {
            "completed" => {
                completed += 1;
                let key = key.expect("a completed video has a file");
                assert_eq!(videos, [format!("{key}.mp4")], "one file of {id}");
                check_content(&data.join("outputs").join(&videos[0]), &id);
            }
            "failed" => assert!(videos.is_empty() && key.is_none(), "{id}: {videos:?}"),
            other => panic!("{id} is {other}"),
        }
    }
    for id in accepted.iter().step_by(10) {
        check_stream(studio, id);
    }
    completed
}

/// The clips in a video's folder, and nothing that a killed worker was writing.
fn videos_of(data: &Path, id: &str) -> Vec<String> {
    let files = fs::read_dir(data.join("outputs").join(id));
    let files = files.into_iter().flatten().flatten();
    let names: Vec<_> = files.map(|file| file.file_name()).collect();
    let ending = |end: &str| -> Vec<String> {
        let names = names.iter().map(Path::new);
        let fitting = names.filter(|name| name.extension().is_some_and(|found| found == end));
        fitting
            .map(|name| format!("{id}/{}", name.display()))
            .collect()
    };
    assert_eq!(ending("part"), Vec::<String>::new());
    ending("mp4")
}

fn check_content(path: &Path, id: &str) {
    let recipe: Value = serde_json::from_str(&read_recipe(path).expect("a recipe")).expect("JSON");
    assert_eq!(recipe["video"], id, "the clip is this video's");
    let mut clip = ClipReader::open(path).expect("a clip");
    let mut frames = 0;
    while clip.next_frame().expect("it can be decoded").is_some() {
        frames += 1;
    }
    assert_eq!(recipe["frames"], frames, "the clip is whole");
}

/// A listener that comes after the end is told it once.
fn check_stream(studio: &Studio, id: &str) {
    let mut stream = studio.get(&format!("/v1/videos/{id}/events"));
    let stream = stream.body_mut().read_to_string().expect("text");
    assert_eq!(stream.matches("event: done\n").count(), 1, "{stream}");
}
