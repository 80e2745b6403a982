//! A PostgreSQL server of a story's own, which it may restart; the shared one serves other stories. Started as `./test`
//! starts the shared one: only loopback, a password that nobody knows, and fsync on.

use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::env::Env;
use tempfile::TempDir;

use crate::machine::free_port;

/// A server that ends with the story.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// The address of its first database.
    pub address: String,
}

/// The newest PostgreSQL's programs, which Debian keeps out of the PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    found.pop().expect("this test needs PostgreSQL's programs: run ./test, or `apt-get install postgresql`")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    id.stdout == b"0\n"
}

impl Cluster {
    /// Makes one, and starts it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (password, port) = (hex::encode(Env::system().bytes::<16>()), free_port());
        let cluster =
            Self { folder, programs: programs(), port, address: format!("postgres://countersign:{password}@127.0.0.1:{port}/postgres") };
        let home = cluster.home();
        std::fs::create_dir(&home).expect("a folder");
        std::fs::write(home.join("password"), &password).expect("a file");
        if is_root() {
            // PostgreSQL refuses to run as root, and its user must be able to walk through to its own folder.
            std::fs::set_permissions(cluster.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("a folder of ours");
            assert!(Command::new("chown").args(["-R", "postgres"]).arg(&home).status().expect("`chown` runs").success());
        }
        let (data, file) = (cluster.data(), format!("--pwfile={}", home.join("password").display()));
        let settings = ["-U", "countersign", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions", &file, "-D", &data];
        cluster.run("initdb", &settings);
        cluster.starts();
        cluster
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    fn data(&self) -> String {
        self.home().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = Command::new(if is_root() { Path::new("runuser") } else { &program });
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        // What the server goes on saying must not keep anybody waiting for the end of a pipe.
        let said = std::fs::File::create(self.folder.path().join("said")).expect("a file");
        command.args(arguments).current_dir(self.home()).stdin(std::process::Stdio::null());
        command.stdout(said.try_clone().expect("a file")).stderr(said);
        let ended = command.status().expect("PostgreSQL's programs run");
        let words = std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        assert!(ended.success(), "{} {arguments:?}: {ended}\n{words}", program.display());
    }

    /// Starts it, and waits until it takes connections.
    pub fn starts(&self) {
        let (data, home) = (self.data(), self.home().display().to_string());
        let options = format!("-p {} -k {home} -c listen_addresses=127.0.0.1 -c fsync=on -c max_connections=100", self.port);
        self.run("pg_ctl", &["start", "-s", "-w", "-D", &data, "-l", &format!("{home}/log"), "-o", &options]);
    }

    /// Stops it: `fast` ends every connection; `immediate` is a crash.
    pub fn stops(&self, how: &str) {
        self.run("pg_ctl", &["stop", "-s", "-w", "-m", how, "-D", &self.data()]);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.home().join("data/postmaster.pid").exists() {
            self.stops("immediate");
        }
    }
}
