//! Downloads from a hub that is played on this machine.

mod support;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use kinora_hub::{Hub, HubError, Installed, Phase, Pull, installed, installed_variant};
use support::{Server, TINY, WEIGHTS, client, header, sha256};

fn pull(hub: &Hub, models: &Path) -> Result<Installed, HubError> {
    Pull::plan(hub, &TINY, models)?.run(hub, |_| ControlFlow::Continue(()))
}

/// The error of a pull whose files are not installed.
fn refused(server: &Server, token: Option<&str>) -> HubError {
    let models = tempfile::tempdir().unwrap();
    let error = pull(&client(server, token), models.path()).unwrap_err();
    assert!(installed(models.path()).is_empty());
    assert!(!models.path().join("tiny").join(WEIGHTS).exists());
    error
}

#[test]
fn a_model_is_planned_downloaded_and_listed() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let hub = client(&server, None);
    let plan = Pull::plan(&hub, &TINY, models.path()).unwrap();
    assert_eq!(plan.files().len(), 3, "README.md is not wanted");
    assert_eq!((plan.bytes(), plan.bytes_left()), (3_000_010, 3_000_010));

    let (mut most, mut phases) = (0, Vec::new());
    let model = plan.run(&hub, |progress| {
        assert!(progress.file_bytes <= progress.file_size && progress.bytes <= progress.size);
        most = most.max(progress.bytes);
        phases.push(progress.phase);
        ControlFlow::Continue(())
    });
    let model = model.unwrap();
    assert_eq!(most, 3_000_010);
    assert!(phases.contains(&Phase::Downloading) && phases.contains(&Phase::Checking));
    for (path, data) in &server.state().files {
        let there = fs::read(model.folder.join(path)).ok();
        assert_eq!(
            there.as_ref(),
            (path != "README.md").then_some(data),
            "{path}"
        );
    }
    assert_eq!(installed(models.path()), std::slice::from_ref(&model));
    assert_eq!(installed_variant(models.path(), &TINY), Some(model.clone()));
    assert_eq!(model.bytes(), 3_000_010);
    model.verify(|_| ControlFlow::Continue(())).unwrap();
}

#[test]
fn what_is_there_is_not_downloaded_again() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let hub = client(&server, None);
    pull(&hub, models.path()).unwrap();
    assert_eq!(
        Pull::plan(&hub, &TINY, models.path()).unwrap().bytes_left(),
        0
    );
    pull(&hub, models.path()).unwrap();
    // Also without the manifest, by its digest.
    fs::remove_file(models.path().join("tiny/kinora-model.json")).unwrap();
    assert!(installed(models.path()).is_empty());
    pull(&hub, models.path()).unwrap();
    assert_eq!(server.downloads().len(), 1);
}

#[test]
fn a_new_version_replaces_the_old_one() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let hub = client(&server, None);
    pull(&hub, models.path()).unwrap();
    server
        .state()
        .files
        .insert(WEIGHTS.to_owned(), vec![7; 3_000_000]);
    let model = pull(&hub, models.path()).unwrap();
    assert_eq!(
        fs::read(model.folder.join(WEIGHTS)).unwrap(),
        vec![7; 3_000_000]
    );
}

#[test]
fn a_cut_connection_is_taken_up_where_it_ended() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    server.state().cut = Some(1_100_000);
    pull(&client(&server, None), models.path()).unwrap();
    let ranges: Vec<Option<String>> = server
        .downloads()
        .iter()
        .map(|request| header(request, "range").map(str::to_owned))
        .collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=1100000-".to_owned()),
            Some("bytes=2200000-".to_owned())
        ]
    );
}

#[test]
fn a_connection_that_brings_nothing_is_given_up() {
    let server = support::start();
    server.state().cut = Some(0);
    let error = refused(&server, None);
    assert!(
        matches!(
            error,
            HubError::Cut {
                received: 0,
                size: 3_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.downloads().len(), 3, "once, and two more tries");
}

#[test]
fn a_hub_that_ignores_ranges_is_read_from_the_beginning() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    server.state().ignores_ranges = true;
    let part = models.path().join("tiny").join(format!("{WEIGHTS}.part"));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, [1; 500]).unwrap();
    pull(&client(&server, None), models.path()).unwrap();
    assert_eq!(header(&server.downloads()[0], "range"), Some("bytes=500-"));
}

#[test]
fn a_part_of_another_version_is_thrown_away() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let part = models.path().join("tiny").join(format!("{WEIGHTS}.part"));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    for length in [500, 4_000_000] {
        fs::write(&part, vec![1; length]).unwrap();
        let model = pull(&client(&server, None), models.path()).unwrap();
        assert_eq!(
            model.files[2].sha256,
            sha256(&server.state().files[WEIGHTS])
        );
        assert!(!part.exists());
        fs::remove_dir_all(&model.folder).unwrap();
        fs::create_dir_all(part.parent().unwrap()).unwrap();
    }
}

#[test]
fn a_wrong_digest_is_refused() {
    let server = support::start();
    server
        .state()
        .listed
        .insert(WEIGHTS.to_owned(), "0".repeat(64));
    let error = refused(&server, None);
    assert!(matches!(error, HubError::Hash { .. }), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn refusals_say_what_to_do() {
    let server = support::start();
    for (status, token, reason) in [
        (401, None, "refused (401); it wants a token"),
        (
            403,
            Some("secret"),
            "refused (403); the token's account has no access",
        ),
        (404, None, "not found (404)"),
        (400, None, "the hub answered with status 400"),
    ] {
        server.state().status = Some((status, 1));
        let message = refused(&server, token).to_string();
        assert!(
            message.contains(reason) && message.contains(WEIGHTS),
            "{message}"
        );
        assert!(!message.contains("secret"));
    }
}

#[test]
fn a_hub_that_is_busy_is_asked_again() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    server.state().status = Some((503, 2));
    pull(&client(&server, None), models.path()).unwrap();
    server.state().status = Some((500, 9));
    let error = refused(&server, None);
    assert!(
        matches!(error, HubError::Status { status: 500, .. }),
        "{error}"
    );
}

#[test]
fn no_hub_no_repository_no_file() {
    let models = tempfile::tempdir().unwrap();
    let hub = Hub::new("http://127.0.0.1:1", None).unwrap();
    let error = pull(&hub, models.path()).unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");

    let server = support::start();
    let error = client(&server, None)
        .list("someone/else", "main")
        .unwrap_err();
    assert!(matches!(error, HubError::NotFound { .. }), "{error}");
    server
        .state()
        .files
        .retain(|path, _| !path.starts_with("vae/"));
    let message = refused(&server, None).to_string();
    assert_eq!(message, "someone/tiny: no file matches `vae/*`");
}

#[test]
fn a_list_that_lies_is_refused() {
    let server = support::start();
    for (list, reason) in [
        ("<html>", "cannot be read"),
        (
            r#"[{"type": "file", "path": "../x", "size": 1}]"#,
            "leaves the model's folder",
        ),
        (
            r#"[{"type": "file", "path": "/x", "size": 1}]"#,
            "leaves the model's folder",
        ),
        (
            r#"[{"type": "file", "path": "x", "size": -1}]"#,
            "cannot be read",
        ),
        (
            r#"[{"type": "file", "path": "x", "size": 18446744073709551615}]"#,
            "18446744073709551615 bytes",
        ),
    ] {
        server.state().list = Some(list.to_owned());
        let message = refused(&server, None).to_string();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_file_longer_than_listed_is_refused() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let hub = client(&server, None);
    let plan = Pull::plan(&hub, &TINY, models.path()).unwrap();
    server
        .state()
        .files
        .insert(WEIGHTS.to_owned(), vec![0; 5_000_000]);
    let error = plan.run(&hub, |_| ControlFlow::Continue(())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("longer than the 3000000 bytes listed"),
        "{error}"
    );
}

#[test]
fn a_stopped_download_goes_on_later() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let hub = client(&server, None);
    let plan = Pull::plan(&hub, &TINY, models.path()).unwrap();
    let error = plan.run(&hub, |progress| {
        if progress.file == WEIGHTS && progress.file_bytes > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(error, Err(HubError::Stopped)));
    let part = models.path().join("tiny").join(format!("{WEIGHTS}.part"));
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept > 0 && kept < 3_000_000, "{kept}");
    assert_eq!(plan.bytes_left(), 3_000_000 - kept);
    plan.run(&hub, |_| ControlFlow::Continue(())).unwrap();
    let request = server.downloads().pop().unwrap();
    assert_eq!(
        header(&request, "range"),
        Some(&format!("bytes={kept}-")[..])
    );
}

#[test]
fn a_token_goes_to_the_hub_and_no_further() {
    let (server, store) = (support::start(), support::start());
    let elsewhere = store.address.replace("127.0.0.1", "localhost");
    server.state().redirect = Some(elsewhere);
    let models = tempfile::tempdir().unwrap();
    pull(&client(&server, Some(" secret\n")), models.path()).unwrap();
    for request in &server.state().requests {
        assert_eq!(header(request, "authorization"), Some("Bearer secret"));
    }
    let asked = store.downloads();
    assert_eq!(asked.len(), 1);
    assert_eq!(header(&asked[0], "authorization"), None);
}

#[test]
fn two_downloads_of_one_file_do_not_meet() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let part = models.path().join("tiny").join(format!("{WEIGHTS}.part"));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    let other = fs::File::create(&part).unwrap();
    other.lock().unwrap();
    let error = pull(&client(&server, None), models.path()).unwrap_err();
    assert!(matches!(error, HubError::Busy { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_found() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let model = pull(&client(&server, None), models.path()).unwrap();
    let path = model.folder.join(WEIGHTS);
    let mut data = fs::read(&path).unwrap();
    data[1_000_000] ^= 1;
    fs::write(&path, &data).unwrap();
    let error = model.verify(|_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }), "{error}");
    fs::write(&path, &data[1..]).unwrap();
    assert!(installed(models.path()).is_empty(), "a file is cut short");
}

/// `/dev/full` takes nothing: every write to it ends as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_as_such() {
    let (server, models) = (support::start(), tempfile::tempdir().unwrap());
    let part = models.path().join("tiny").join(format!("{WEIGHTS}.part"));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = pull(&client(&server, None), models.path()).unwrap_err();
    assert!(
        matches!(
            error,
            HubError::DiskFull {
                missing: 3_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("the disk is full; 3000000 bytes"),
        "{error}"
    );
}
