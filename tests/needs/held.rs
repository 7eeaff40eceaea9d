//! Threads of the program that stand still in the middle of what they do, as in a call of the kernel that
//! does not return: a tracer holds them.

use crate::support::process::Process;
use crate::support::{Child, Lines, lacks, until};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Lets go when it is dropped.
pub struct Held {
    _tracer: Child,
}

impl Held {
    /// Holds the threads of this name.
    pub fn threads(process: Process, name: &str) -> Held {
        // A thread gives itself its name, once it runs.
        let threads = until(&format!("there is a thread {name}"), || {
            Some(threads_of(process, name)).filter(|threads| !threads.is_empty())
        });
        Held::of(&threads).unwrap_or_else(|why| panic!("{why}"))
    }

    fn of(threads: &[String]) -> Result<Held, String> {
        let mut command = Command::new("python3");
        command.args(["-c", TRACER]).args(threads).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut tracer = Child::spawn(&mut command);
        let said = Lines::of(tracer.stdout.take().expect("it is piped")).next_line();
        match said.as_deref() {
            Some("held\n") => Ok(Held { _tracer: tracer }),
            said => Err(said.unwrap_or("the tracer ends").trim_end().to_owned()),
        }
    }
}

/// A Python, and to be allowed to trace a process that is no child of it.
pub fn tracing() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        lacks::python().or_else(|| {
            let traced = Child::spawn(Command::new("sleep").arg("1000"));
            Held::of(&[traced.id().to_string()]).err()
        })
    });
    LACK.clone()
}

fn threads_of(process: Process, name: &str) -> Vec<String> {
    let threads = fs::read_dir(process.path("task")).expect("proc(5)").flatten();
    let threads = threads.map(|thread| thread.file_name().into_string().expect("proc(5)"));
    let has_name = |thread: &String| {
        let comm = process.path(&format!("task/{thread}/comm"));
        fs::read_to_string(comm).is_ok_and(|comm| comm.trim_end() == name)
    };
    threads.filter(has_name).collect()
}

/// Holds threads by PTRACE_SEIZE and PTRACE_INTERRUPT. A traced thread that is killed stays until its
/// tracer has waited for it, and so does its process.
const TRACER: &str = r#"
import ctypes, os, sys
SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
threads = [int(thread) for thread in sys.argv[1:]]
for thread in threads:
    for request in (SEIZE, INTERRUPT):
        if libc.ptrace(request, thread, None, None) < 0:
            print("cannot trace:", os.strerror(ctypes.get_errno()), flush=True)
            sys.exit(1)
    os.waitpid(thread, WALL)
print("held", flush=True)
for thread in threads:
    try:
        while os.WIFSTOPPED(os.waitpid(thread, WALL)[1]):
            pass
    except ChildProcessError:
        pass
"#;
