//! What the machine can do to a studio: a locked database, a full disk, a clock that jumps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::stage::{Stage, body, id_of};
use crate::truth::{self, database};

/// Holds the lock that every writer needs, as another program would, for so long; says when it has it.
fn lock(data: &Path, time: Duration, held: &Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let database = database(data).await;
        let lock = database
            .begin_with("BEGIN IMMEDIATE")
            .await
            .expect("the lock");
        held.send(()).expect("somebody waits");
        sleep(time);
        lock.rollback().await.expect("unlocked");
        database.close().await;
    });
}

#[test]
fn a_locked_database_is_waited_for_or_told_and_loses_nothing() {
    let data = tempdir().expect("a folder");
    let studio = Stage::new(data.path(), "").open();
    let warm = studio.create("a dog", 1);
    studio.ended(&warm);
    let mut accepted = BTreeSet::from([warm]);
    // Shorter than the studio waits, then longer.
    for (seconds, statuses) in [(2, [200, 200]), (9, [503, 200])] {
        let running = studio.create("a dog fault=slow:300", 4);
        studio.wait(&running, &["in_progress"]);
        let (held, is_held) = channel();
        let answers = scope(|scope| {
            scope.spawn(|| lock(data.path(), Duration::from_secs(seconds), &held));
            is_held.recv().expect("the lock");
            [(); 2].map(|()| studio.post(&body("a cat", 2)))
        });
        for ((status, answer), expected) in answers.iter().zip(statuses) {
            assert_eq!(*status, expected, "{seconds} s: {answer}");
            if *status == 200 {
                accepted.insert(id_of(answer));
            } else {
                assert_eq!(answer["error"]["code"], "database_busy");
            }
        }
        assert_eq!(
            studio.ended(&running)["status"],
            "completed",
            "{}",
            studio.log()
        );
        accepted.insert(running);
    }
    accepted.insert(studio.create("a dog", 1));
    for id in &accepted {
        assert_eq!(studio.ended(id)["status"], "completed");
    }
    truth::check(&studio, data.path(), &accepted);
}

/// A small disk of its own.
struct Disk(TempDir);

impl Disk {
    /// None where this process may not mount one.
    fn mount(bytes: u64) -> Option<Self> {
        let folder = tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={bytes}"),
                "kinora-double",
            ])
            .arg(folder.path())
            .output();
        let is_mounted = mounted.is_ok_and(|mounted| mounted.status.success());
        is_mounted.then_some(Self(folder))
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("ballast");
        let block = vec![1; 4096];
        let mut file = fs::File::create(&path).expect("a file");
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a studio of a test that failed may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_and_what_was_accepted_ends_when_there_is_room() {
    let Some(disk) = Disk::mount(24 << 20) else {
        eprintln!("skipped: a disk of its own can be mounted by root only");
        return;
    };
    let data = disk.0.path();
    let studio = Stage::new(data, "").open();
    let first = studio.create("a dog", 1);
    studio.ended(&first);
    let running = studio.create("a dog fault=slow:500", 6);
    studio.wait(&running, &["in_progress"]);
    let mut accepted = BTreeSet::from([first, running]);
    let ballast = disk.fill();
    // What the database has written before can be written over, so some may still be accepted.
    let refusal = (0..2000).find_map(|_| {
        let (status, answer) = studio.post(&body("a cat", 1));
        if status == 200 {
            accepted.insert(id_of(&answer));
            return None;
        }
        Some((status, answer["error"]["code"].clone()))
    });
    assert_eq!(refusal, Some((507, json!("disk_full"))), "{}", studio.log());
    assert_eq!(
        studio.get("/v1/videos").status(),
        200,
        "it can still be read"
    );
    sleep(Duration::from_secs(4)); // what runs comes to its end without room to say so
    fs::remove_file(ballast).expect("room again");
    accepted.insert(studio.create("a dog", 1));
    for id in &accepted {
        let video = studio.ended(id);
        let code = &video["error"]["code"];
        assert!(code.is_null() || code == "media_failed", "{video}");
    }
    truth::check(&studio, data, &accepted);
}

/// The library that sets a process's clock, from the Debian package `faketime`.
fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let paths = folders.map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists())
}

#[test]
fn a_clock_that_jumps_changes_neither_the_order_nor_an_end() {
    let Some(library) = faketime() else {
        eprintln!("skipped: libfaketime is not installed");
        return;
    };
    let data = tempdir().expect("a folder");
    let clock = data.path().join("clock");
    let set = |offset: &str| {
        let part = data.path().join("clock.part");
        fs::write(&part, offset).expect("a file");
        fs::rename(part, &clock).expect("put into place");
    };
    set("+0d");
    let studio = Stage::new(data.path(), "")
        .with("LD_PRELOAD", &library.display())
        .with("FAKETIME_TIMESTAMP_FILE", &clock.display())
        .with("FAKETIME_NO_CACHE", &1)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", &1)
        .open();
    let mut ids = Vec::new();
    for offset in ["+400d", "-400d", "+3d", "-3d"] {
        let running = studio.create("a dog fault=slow:400", 3);
        studio.wait(&running, &["in_progress"]);
        ids.push(running);
        ids.push(studio.create("a cat", 2));
        set(offset);
        ids.push(studio.create("a boat", 2));
        let last = studio.ended(ids.last().expect("one was created"));
        assert_eq!(last["status"], "completed", "{}", studio.log());
    }
    let accepted = ids.iter().cloned().collect();
    assert_eq!(truth::check(&studio, data.path(), &accepted), ids.len());
    assert_eq!(order_of_ends(data.path()), ids, "first come, first made");
}

/// The videos in the order in which they ended: events count up whatever the clock says.
fn order_of_ends(data: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let database = database(data).await;
        let sql = "SELECT video_id FROM events WHERE kind = 'done' ORDER BY number";
        let order = sqlx::query_scalar(sql).fetch_all(&database).await;
        database.close().await;
        order.expect("rows")
    })
}
