//! What the tests find on the machine: tools, free ports, child processes that end with the test.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Where the program `name` is, or a stop that says which Debian `package` brings it.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("this test needs `{name}`: run ./test, or `apt-get install {package}`"))
}

/// Where ./test put the Python programs and the accessibility checker: `COUNTERSIGN_TEST_TOOLS`, or `target/tools`.
pub fn tools() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let folder = std::env::var_os("COUNTERSIGN_TEST_TOOLS").map_or(usual, PathBuf::from);
    assert!(folder.is_dir(), "this test needs the tools that ./test installs under {}: run `./test install`", folder.display());
    folder
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// The command line of everything that runs on this machine, as far as we may see it.
pub fn command_lines() -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("this is Linux").filter_map(Result::ok);
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " ")).collect()
}

/// A program that runs beside the test and is ended with it, together with whatever it started.
pub struct Running {
    child: Child,
    name: String,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Running {
    /// Starts `program`; what it says is kept for [`Running::wait_for`] and for messages.
    pub fn start<A: AsRef<OsStr>>(program: &Path, arguments: &[A]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts a command that already has its arguments, folder and environment.
    pub fn spawn(mut command: Command) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("`{name}` did not start: {error}"));
        let (sender, lines) = mpsc::channel();
        read_lines::<ChildStdout>(child.stdout.take(), sender.clone());
        read_lines::<ChildStderr>(child.stderr.take(), sender);
        Self { child, name, lines, said: Vec::new() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) {
        // However it ended.
        let _ = self.child.wait();
    }

    /// Waits until the program says a line that contains `text`, and returns the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        let patience = Duration::from_secs(60);
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("`{}` never said {text:?}. It said:\n{}", self.name, self.said.join("\n")),
            }
        }
    }

    /// Sends a signal, such as `TERM`, to the program and to what it started.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: a minimal machine has no other, and calling the system directly would be unsafe code.
        let group = format!("kill -s {name} -- -{} 2>/dev/null", self.child.id());
        // A group that is already gone cannot be told anything.
        let _ = Command::new("sh").args(["-c", &group]).status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("KILL");
        // Already gone is as good as ended.
        let _ = self.child.wait();
    }
}

fn read_lines<R: std::io::Read + Send + 'static>(from: Option<R>, to: mpsc::Sender<String>) {
    if let Some(from) = from {
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    break;
                }
            }
        });
    }
}
