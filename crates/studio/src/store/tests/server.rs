//! A `PostgreSQL` server of the tests' own: in a temporary folder, reached by a socket in it alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a cluster and says where, starts it again with every line that it reads, and removes it when
/// there are no more: with the process that started it, however that goes.
const SCRIPT: &str = r#"
set -eu
folder=$(mktemp -d /tmp/kinora-postgres-XXXXXX)
trap 'test $? -eq 0 || cat "$folder/log" >&2; rm -rf "$folder"' EXIT
"$1/initdb" -D "$folder/data" -U kinora -A trust -E UTF8 --no-sync > "$folder/log" 2>&1
start() {
    "$1/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off \
        -c max_connections=300 >> "$folder/log" 2>&1 &
    until "$1/pg_isready" -q -h "$folder" -d postgres; do
        kill -0 $!
        sleep 0.05
    done
    echo "$folder"
}
stop() {
    kill -INT $!
    wait $! || true
}
start "$1"
while read -r _; do
    stop
    start "$1"
done
stop
"#;
/// The server refuses to run as root.
const AS_ANOTHER: [&str; 4] = [
    "setpriv",
    "--reuid=postgres",
    "--regid=postgres",
    "--init-groups",
];

/// A running server. It stops when the input of its shell closes.
pub struct Server {
    programs: PathBuf,
    shell: Child,
    output: BufReader<ChildStdout>,
    folder: String,
}

/// The server of this process; none, and said so, where `PostgreSQL` is not installed.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::own).as_ref()
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
    /// Another server than that of the process, for a test that does something to it.
    pub fn own() -> Option<Self> {
        let Some(programs) = installed() else {
            eprintln!("SKIPPED: PostgreSQL is not installed");
            return None;
        };
        let as_whom = if is_root() { &AS_ANOTHER[..] } else { &[] };
        let mut shell = Command::new("env")
            .args(as_whom)
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(&programs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir("/")
            .process_group(0) // it stops in order when the tests are interrupted
            .spawn()
            .expect("a shell");
        let output = BufReader::new(shell.stdout.take().expect("piped"));
        let mut server = Self {
            programs,
            shell,
            output,
            folder: String::new(),
        };
        server.started();
        Some(server)
    }

    /// Waits until it runs.
    fn started(&mut self) {
        self.folder.clear();
        self.output.read_line(&mut self.folder).expect("a line");
        assert!(self.folder.ends_with('\n'), "the server runs");
    }

    /// Stops it, which ends every connection, and starts it again.
    pub fn restart(&mut self) {
        let orders = self.shell.stdin.as_mut().expect("piped");
        orders.write_all(b"again\n").expect("the shell reads");
        self.started();
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kinora_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.trim();
        let made = Command::new(self.programs.join("createdb"))
            .args(["-h", folder, "-U", "kinora", &name])
            .status();
        assert!(made.expect("createdb").success());
        format!("postgres://kinora@localhost/{name}?host={folder}")
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}
