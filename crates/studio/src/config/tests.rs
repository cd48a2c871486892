use std::fs;

use super::*;

/// What is wrong with these sources; empty when nothing is.
fn check(file: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let (folder, sources) = sources(file, variables);
    let found = match load(&sources) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let place = format!("{}/", folder.path().display());
    let found = found.replace(&place, "");
    let found: Vec<_> = found.lines().collect();
    assert_eq!(found, expected, "of {file:?} {variables:?}");
}

fn sources(file: &str, variables: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(FILE), file).expect("a file");
    let pairs = variables.iter();
    let sources = Sources {
        data: folder.path().into(),
        variables: pairs.map(|&(n, t)| (n.into(), t.into())).collect(),
        ..Sources::default()
    };
    (folder, sources)
}

#[test]
fn without_any_source_the_defaults_hold() {
    let loaded = load(&Sources::default()).expect("nothing is wrong");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.file, None);
    assert_eq!(loaded.config.models.named("sora-2-pro"), "kinora-1-pro");
    assert_eq!(loaded.config.models.aliases_of("kinora-1"), ["sora-2"]);
}

#[test]
fn flags_win_over_variables_and_these_over_the_file() {
    let file = "[server]\nport = 1\nhost = \"::1\"\n[queue]\nworkers = 2\n\
        [models.aliases]\n\"gpt-4.1\" = \"kinora-1\"\nsora-2 = \"\"";
    let variables = [
        ("KINORA_SERVER_PORT", "2"),
        ("KINORA_SERVER_PUBLIC_NAMES", "a.example, b.example"),
        ("KINORA_LOG_FORMAT", "json"),
        ("KINORA_CPU", "avx2"),
    ];
    let (folder, mut sources) = sources(file, &variables);
    sources.flags = vec![("server.port", Value::Integer(3), "--port")];
    let loaded = load(&sources).expect("nothing is wrong");
    let config = &loaded.config;
    assert_eq!((config.server.port, config.queue.workers), (3, 2));
    assert_eq!(config.server.public_names, ["a.example", "b.example"]);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.models.named("gpt-4.1"), "kinora-1");
    assert_eq!(config.models.named("sora-2"), "sora-2", "taken away");

    let told = loaded.describe();
    let place = format!("{}/", folder.path().display());
    for line in [
        "server.port = 3 # --port",
        "server.host = \"::1\" # kinora.toml:3",
        "queue.workers = 2 # kinora.toml:5",
        "models.aliases.\"gpt-4.1\" = \"kinora-1\" # kinora.toml:7",
        "log.format = \"json\" # KINORA_LOG_FORMAT",
        "queue.aging_seconds = 600 # default",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let is_there = |told: &str| {
            told.replace(&place, "")
                .split_whitespace()
                .eq(words.clone())
        };
        assert!(told.lines().any(is_there), "{line} in {told}");
    }
    let again = told.parse::<toml::Table>();
    assert!(again.is_ok(), "what is told is a configuration");
}

#[test]
fn mistakes_say_where_they_are_and_what_was_meant() {
    check("[server]\n[models.aliases]", &[], &[]);
    check(
        "[serve]\n[models.aliases.sora-2]\nx = 1",
        &[],
        &[
            "kinora.toml:3: models.aliases.sora-2.x: there is no such key; \
            did you mean models.aliases.sora-2?",
            "kinora.toml:1: serve: there is no such key",
        ],
    );
    check(
        "[server]\nprot = 1\n[que]\nworkers = 2",
        &[("KINORA_QUEUE_WORKRES", "2")],
        &[
            "KINORA_QUEUE_WORKRES: there is no such key; did you mean KINORA_QUEUE_WORKERS?",
            "kinora.toml:4: que.workers: there is no such key; did you mean queue.workers?",
            "kinora.toml:2: server.prot: there is no such key; did you mean server.port?",
        ],
    );
    check(
        "port = 1\nserver = 5",
        &[],
        &[
            "kinora.toml:1: port: there is no such key; did you mean server.port?",
            "kinora.toml:2: server: there is no such key",
        ],
    );
    check(
        "[server]\nport = 70000",
        &[],
        &["kinora.toml:2: server.port: invalid value: integer `70000`, expected u16"],
    );
    check(
        "[log]\n\nlevel = \"loud\"",
        &[],
        &[
            "kinora.toml:3: log.level: unknown variant `loud`, expected one of \
            `error`, `warn`, `info`, `debug`",
        ],
    );
    check(
        "",
        &[("KINORA_QUEUE_WORKERS", "many")],
        &["KINORA_QUEUE_WORKERS: queue.workers: invalid type: string \"many\", expected u32"],
    );
    check(
        "[queue]\nworkers = 0\n[limits]\nbody_bytes = 1",
        &[],
        &[
            "kinora.toml:2: queue.workers: must be 1 to 64, not 0",
            "kinora.toml:4: limits.body_bytes: must be 131072 to 1073741824 bytes, not 1",
        ],
    );
    let webhook = "[[webhooks]]\nname = \"a\"\nurl = \"http://[::1]/\"\nsecret = \"x\"";
    check(
        webhook,
        &[],
        &[
            "kinora.toml:1: webhooks: `a`: the address is private to this machine or its networks; \
            allow_private_webhooks under [network] in kinora.toml allows those",
        ],
    );
    check(
        webhook,
        &[("KINORA_NETWORK_ALLOW_PRIVATE_WEBHOOKS", "true")],
        &[
            "kinora.toml:1: webhooks: `a`: a webhook secret is whsec_ and the base64 \
            of 24 to 64 bytes",
        ],
    );
    check(
        "[server]\nport = = 1",
        &[],
        &["kinora.toml:2: extra `=`, expected nothing"],
    );
}

#[test]
fn a_named_file_must_be_there() {
    let sources = Sources {
        file: Some("/nowhere/kinora.toml".into()),
        ..Sources::default()
    };
    let error = load(&sources).expect_err("there is no file");
    assert!(
        error.to_string().contains("/nowhere/kinora.toml"),
        "{error}"
    );
}
