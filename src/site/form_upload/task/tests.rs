//! What reading a form costs, and when it ends.

use super::*;
use crate::files::{Root, WriteRules};
use crate::sys::temporary::Directory;

fn task(here: &Directory) -> Task {
    Task {
        root: WritableRoot::new(Root::open(here.path()).expect("it"), WriteRules::default()),
        directory: Vec::new(),
        dotfiles: Dotfiles::Deny,
        has_host_files: false,
        on_conflict: OnConflict::Keep,
        content_type: b"multipart/form-data; boundary=x".to_vec(),
        gate: Gate::default(),
    }
}

fn form(content: &[u8]) -> RequestBody {
    let head = b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n";
    RequestBody::from([head, content, b"\r\n--x--\r\n"].concat())
}

/// Calls of this thread that write.
fn writes() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").expect("it is a Linux");
    let line = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.and_then(|count| count.parse().ok()).expect("the kernel counts them")
}

#[test]
fn what_comes_in_single_bytes_is_not_written_so() {
    let here = Directory::new();
    let content = vec![b'\r'; 256 * 1024];
    let before = writes();
    let files = task(&here).read(form(&content), &Cancellation::default());
    let calls = writes() - before;
    let Ok(mut files) = files else { panic!("it is a form") };
    assert!(calls < 20, "{calls} writes");
    assert_eq!(files.len(), 1);
    files.remove(0).file.commit(&Preconditions::none()).expect("nothing is there");
    assert_eq!(std::fs::read(here.at("a")).expect("it is there"), content);
}

#[test]
fn a_form_that_nobody_waits_for_is_not_read_on_and_leaves_nothing() {
    let here = Directory::new();
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let read = task(&here).read(form(b"it"), &cancellation);
    assert!(matches!(read, Err(Refusal::Cancelled)));
    let Ok(files) = task(&here).read(form(b"it"), &Cancellation::default()) else {
        panic!("it is a form")
    };
    let mut stage = FormStage::Committing(files, Vec::new());
    let refusal = loop {
        match task(&here).go_on(stage, &cancellation) {
            FormStep::Stage(next) => stage = next,
            FormStep::Refused(refusal) => break refusal,
            FormStep::Wait(..) | FormStep::Stored(_) => panic!("nobody waits for it"),
        }
    };
    assert!(matches!(refusal, Refusal::Cancelled));
    assert_eq!(std::fs::read_dir(here.path()).expect("it is there").count(), 0);
}
