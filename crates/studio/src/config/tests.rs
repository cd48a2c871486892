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
fn content_rules_warn_on_loopback_alone_and_not_of_everything() {
    let (_folder, here) = sources("[rules]\nwarn = [\"graphic_violence\", \"hate\"]", &[]);
    let config = load(&here).expect("nothing is wrong").config;
    assert_eq!(
        config.rules.warn,
        [Category::GraphicViolence, Category::Hate]
    );

    let reached = "a studio that other machines can reach refuses every category: take them out, \
        or keep server.host to loopback and server.public_names empty";
    let variable = format!("KINORA_RULES_WARN: rules.warn: {reached}");
    let warn = [("KINORA_RULES_WARN", "hate")];
    check("[server]\nhost = \"0.0.0.0\"", &warn, &[&variable]);
    check(
        "[server]\npublic_names = [\"studio.example\"]",
        &warn,
        &[&variable],
    );
    for name in ["sexual_minors", "real_person"] {
        let file = format!("[rules]\nwarn = [\"sexual\", \"{name}\"]");
        let told = format!("kinora.toml:2: rules.warn: {name} is always refused; take it out");
        check(&file, &[], &[&told]);
    }
    check(
        "[rules]\nwarn = [\"violence\"]",
        &[],
        &[
            "kinora.toml:2: rules.warn[0]: unknown variant `violence`, expected one of \
            `sexual_minors`, `sexual`, `real_person`, `graphic_violence`, `hate`, `self_harm`",
        ],
    );
}

#[test]
fn local_models_lie_beside_the_file_and_have_names_of_their_own() {
    let file = "[models.local]\ntiny = \"kinora.toml\"\n\"a/b\" = \"/\"";
    let (folder, sources) = sources(file, &[]);
    let loaded = load(&sources).expect("nothing is wrong");
    let local = &loaded.config.models.local;
    assert_eq!(local["tiny"], folder.path().join("kinora.toml"));
    assert_eq!(local["a/b"], PathBuf::from("/"));
    let told = loaded.describe();
    assert!(told.contains("models.local.tiny"), "{told}");
    assert!(told.parse::<toml::Table>().is_ok(), "{told}");

    let mistake = |name: &str, place: &str, reason: &str| {
        let file = format!("[models.local]\n{name} = \"{place}\"");
        let told = format!("kinora.toml:2: models.local.{name}: {reason}");
        check(&file, &[], &[&told]);
    };
    let taken = "a model of this studio has this name, or an alias of one";
    mistake("kinora-1", "/", taken);
    mistake("kinora-1-pro", "/", taken);
    mistake("sora-2", "/", taken);
    mistake(
        "tiny",
        "/nowhere/at/all",
        "there is nothing at /nowhere/at/all",
    );
    let reason = "name must be 1 to 64 letters, digits and `.`, `_`, `-`, `/`";
    mistake("\"two words\"", "/", reason);
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

/// What is wrong with a remote that says this and whatever else it must.
fn check_remote(said: &str, expected: &str) {
    let mut file = format!("[[remotes]]\n{said}\n");
    for (key, usual) in [
        ("name", "\"far\""),
        ("url", "\"https://a.example\""),
        ("model", "\"m\""),
    ] {
        if !said.contains(&format!("{key} = ")) {
            for text in [key, " = ", usual, "\n"] {
                file.push_str(text);
            }
        }
    }
    let variables = [("FAR_KEY", "sk-1"), ("TWO_WORDS", "sk 1")];
    let expected = match expected {
        "" => Vec::new(),
        reason => vec![format!("kinora.toml:1: remotes: {reason}")],
    };
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check(&file, &variables, &expected);
}

#[test]
fn a_remote_is_a_model_of_its_own_behind_a_url_that_nobody_reads() {
    for fine in [
        "url = \"http://127.0.0.1:8765\"",
        "url = \"http://[::1]:8765/v1/\"",
        "url = \"http://localhost/v1\"",
        "url = \"https://192.168.1.5/v1\"",
        "name = \"cloud/sora-2.1\"",
        "key_env = \"FAR_KEY\"",
        "seconds = [4, 2.5]\nsizes = [\"640x360\"]\nfields = [\"seed\"]",
    ] {
        check_remote(fine, "");
    }
    let url =
        "`far`: url must be https://HOST or https://HOST/PATH, without a user name and a query";
    check_remote("url = \"a.example\"", url);
    check_remote("url = \"ftp://a.example\"", url);
    check_remote("url = \"https://me@a.example\"", url);
    check_remote("url = \"https://a.example?key=1\"", url);
    let plain = "`far`: url must begin with https, except on this machine";
    check_remote("url = \"http://a.example\"", plain);
    check_remote("url = \"http://192.168.1.5\"", plain);
    check_remote("url = \"http://localhost.example\"", plain);
    let taken =
        |name| format!("`{name}`: a model of this studio has this name, or an alias of one");
    for name in ["kinora-1", "kinora-1-pro", "sora-2"] {
        check_remote(&format!("name = \"{name}\""), &taken(name));
    }
    let name = "name must be 1 to 64 letters, digits and `.`, `_`, `-`, `/`";
    check_remote("name = \"\"", &format!("``: {name}"));
    check_remote("name = \"../x\"", &format!("`../x`: {name}"));
    check_remote(
        "model = \"\"",
        "`far`: model must say what the endpoint calls it",
    );
    check_remote(
        "seconds = []",
        "`far`: seconds must be a list of lengths from 0.1 to 3600",
    );
    check_remote("sizes = []", "`far`: sizes must name at least one");
    check_remote(
        "fields = [\"steps\"]",
        "`far`: there is no field `steps`; known are seed, negative_prompt, num_inference_steps, \
         guidance_scale, fps",
    );
    check_remote(
        "concurrency = 0",
        "`far`: concurrency must be 1 to 64, not 0",
    );
    let far = "name = \"far\"\nurl = \"https://a\"\nmodel = \"m\"";
    check_remote(
        &format!("{far}\n[[remotes]]\n{far}"),
        "`far`: another remote has this name",
    );
}

#[test]
fn the_key_of_a_remote_is_found_and_never_said() {
    check_remote(
        "key_env = \"NOBODY\"",
        "`far`: key_env names a variable that is not set",
    );
    check_remote(
        "key_env = \"TWO_WORDS\"",
        "`far`: the key must be one line of plain characters",
    );
    check_remote(
        "key_env = \"FAR_KEY\"\nkey_file = \"x\"",
        "`far`: give key_env or key_file, not both",
    );
    let file = "[[remotes]]\nname = \"far\"\nurl = \"https://a\"\nmodel = \"m\"\nkey_file = \"k\"";
    let (folder, sources) = sources(file, &[]);
    let missing = load(&sources).expect_err("there is no file").to_string();
    assert!(
        missing.contains("`far`: key_file cannot be read"),
        "{missing}"
    );
    fs::write(folder.path().join("k"), "sk-of-a-file\n").expect("a file");
    let loaded = load(&sources).expect("nothing is wrong");
    let remote = &loaded.config.remotes[0];
    assert_eq!(
        remote.key.authorization().as_deref(),
        Some("Bearer sk-of-a-file")
    );
    assert_eq!(remote.base(), "https://a/v1");
    let told = format!("{:?}{}", loaded.config, loaded.describe());
    assert!(!told.contains("sk-of-a-file"), "{told}");
}

#[test]
fn a_database_is_named_by_a_url_whose_secrets_are_never_said() {
    let must = "KINORA_DATABASE: database: must be postgres://USER@HOST/NAME, or empty for a file in \
        the data folder";
    for wrong in ["mysql://u:pw@h/d", "studio.sqlite", "postgres:u:pw@h"] {
        check("", &[("KINORA_DATABASE", wrong)], &[must]);
    }
    let server = [("KINORA_DATABASE", "postgres://h/d")];
    check("[queue]\nworkers = 0", &server, &[]);
    check(
        "[queue]\nworkers = 0",
        &[],
        &["kinora.toml:2: queue.workers: must be 1 to 64, not 0"],
    );
    for (url, shown) in [
        ("postgres://h/d", "postgres://h/d"),
        ("postgresql://u@h:5433/d", "postgresql://u@h:5433/d"),
        ("postgres://u:hunter2@h/d", "postgres://u@h/d"),
        (
            "postgres://u:h/u@?#hunter2@h/d?sslmode=require",
            "postgres://u@h/d?(hidden)",
        ),
        (
            "postgres:///d?user=u&password=hunter2",
            "postgres:///d?(hidden)",
        ),
    ] {
        let file = format!("database = \"{url}\"");
        let (_folder, sources) = sources(&file, &[]);
        let loaded = load(&sources).expect("nothing is wrong");
        assert_eq!(loaded.config.database.server(), Some(url));
        assert_eq!(loaded.config.database.to_string(), shown);
        let told = format!("{:?}{}", loaded.config, loaded.describe());
        assert!(told.contains(&format!("database = \"{shown}\"")), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_bucket_is_named_by_a_url_without_secrets() {
    let must = "kinora.toml:1: storage: must be s3://BUCKET or s3://BUCKET/PREFIX, or empty for the \
        data folder";
    for wrong in [
        "s3://",
        "s3:///a",
        "s3://key:hunter2@films",
        "s3://films/a//b",
        "films",
    ] {
        check(&format!("storage = \"{wrong}\""), &[], &[must]);
    }
    for (url, bucket) in [
        ("", None),
        ("s3://films", Some(("films", ""))),
        ("s3://films/", Some(("films", ""))),
        ("s3://my.films/a/b c/", Some(("my.films", "a/b c"))),
    ] {
        let (_folder, sources) = sources(&format!("storage = \"{url}\""), &[]);
        let loaded = load(&sources).expect("nothing is wrong");
        assert_eq!(loaded.config.storage.bucket(), bucket, "{url}");
    }
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
