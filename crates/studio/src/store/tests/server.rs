//! A PostgreSQL server of the tests' own: in a temporary folder, reached by a socket in it alone.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a cluster, says where, and removes it when its input ends: with the process that started it,
/// however that goes.
const SCRIPT: &str = r#"
set -eu
folder=$(mktemp -d /tmp/kinora-postgres-XXXXXX)
"$1/initdb" -D "$folder/data" -U kinora -A trust -E UTF8 --no-sync > "$folder/log" 2>&1
"$1/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off \
    -c max_connections=300 >> "$folder/log" 2>&1 &
until "$1/pg_isready" -q -h "$folder" -d postgres; do sleep 0.05; done
echo "$folder"
read -r _ || true
kill -INT $!
wait $! || true
rm -rf "$folder"
"#;

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: String,
    /// The server stops when this closes.
    _life: ChildStdin,
}

/// The server of this process; none, and said so, where PostgreSQL is not installed.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| installed().map(Server::start));
    if server.is_none() {
        eprintln!("SKIPPED: PostgreSQL is not installed");
    }
    server.as_ref()
}

/// The folder of the newest server's programs, where Debian or another system puts them.
fn installed() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql");
    let mut folders: Vec<_> = debian.into_iter().flatten().flatten().collect();
    folders.sort_by_key(|folder| folder.file_name().to_string_lossy().parse::<u32>().ok());
    let debian = folders.iter().rev().map(|folder| folder.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = debian.chain(std::env::split_paths(&path));
    folders.find(|folder| folder.join("initdb").exists())
}

impl Server {
    fn start(programs: PathBuf) -> Self {
        let mut shell = Command::new("sh");
        // The server refuses to run as root.
        if is_root() {
            shell = Command::new("setpriv");
            shell.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "sh",
            ]);
        }
        let mut shell = shell
            .args(["-c", SCRIPT, "sh"])
            .arg(&programs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir("/")
            .process_group(0) // it stops in order when the tests are interrupted
            .spawn()
            .expect("a shell");
        let life = shell.stdin.take().expect("piped");
        let mut folder = String::new();
        let mut output = BufReader::new(shell.stdout.take().expect("piped"));
        output.read_line(&mut folder).expect("a line");
        let folder = folder.trim().to_owned();
        assert!(!folder.is_empty(), "the server started");
        Self {
            programs,
            folder,
            _life: life,
        }
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kinora_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.programs.join("createdb"))
            .args(["-h", &self.folder, "-U", "kinora", &name])
            .status();
        assert!(made.expect("createdb").success());
        format!("postgres://kinora@localhost/{name}?host={}", self.folder)
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}
