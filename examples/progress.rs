//! Jobs in the background, with their progress by server-sent events: `cargo run --example progress`, then open
//! <http://localhost:8080/>, or
//!
//! ```sh
//! curl -i localhost:8080/jobs -X POST          # 202, with the path of the job
//! curl localhost:8080/jobs/1                   # how far it has come
//! curl -N localhost:8080/jobs/1/events         # the same as events, until it is done
//! ```
//!
//! One thread works on the jobs in the order in which they came, and a bounded number of them waits: a client that
//! finds the queue full gets 503. Who follows a job costs no thread.

use httpd::{Broadcast, Event, Request, Response, Server, Site, Status};
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The jobs that are known, by number.
#[derive(Default)]
struct Jobs(Mutex<BTreeMap<u64, Job>>);

#[derive(Default)]
struct Job {
    percent: u8,
    listeners: Broadcast,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let jobs = Arc::new(Jobs::default());
    let (queue, waiting) = mpsc::sync_channel(QUEUE_MAX);
    let [adding, showing, following, working] = std::array::from_fn(|_| Arc::clone(&jobs));
    thread::spawn(move || working.work(&waiting));
    let site = Site::new()
        .get("/", |_| Response::html(PAGE))
        .post("/jobs", move |_| adding.add(&queue))
        .get("/jobs/{id}", move |request| {
            Some(format!("{} %\n", showing.lock().get(&id(request)?)?.percent))
        })
        .get("/jobs/{id}/events", move |request| {
            Some(following.lock().get(&id(request)?)?.follow())
        });
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

fn id(request: &Request<'_>) -> Option<u64> {
    request.parameter("id")?.parse().ok()
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Job>> {
        self.0.lock().expect("nobody panics with the lock")
    }

    /// Takes one more job, if the queue has room for it.
    fn add(&self, queue: &SyncSender<u64>) -> Response {
        let mut jobs = self.lock();
        let id = jobs.last_key_value().map_or(1, |(id, _)| id + 1);
        if queue.try_send(id).is_err() {
            return Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "5");
        }
        jobs.insert(id, Job::default());
        while jobs.len() > JOBS_MAX {
            jobs.pop_first();
        }
        Response::new(Status::ACCEPTED).header("Location", format!("/jobs/{id}"))
    }

    /// Works on one job after the other.
    fn work(&self, waiting: &Receiver<u64>) {
        for id in waiting {
            for percent in (0..=100).step_by(10) {
                thread::sleep(Duration::from_millis(100));
                if let Some(job) = self.lock().get_mut(&id) {
                    job.percent = percent;
                    job.listeners.send(job.event());
                    if percent == 100 {
                        job.listeners.finish();
                    }
                }
            }
        }
    }
}

impl Job {
    /// A stream for one more client. Nothing is missed: the jobs are locked.
    fn follow(&self) -> Response {
        let (events, response) = Response::events();
        // There is room in a new stream.
        let _ = events.try_send(&self.event());
        if self.percent == 100 {
            events.finish();
        } else {
            self.listeners.add(events);
        }
        response
    }

    fn event(&self) -> Event {
        let name = if self.percent == 100 { "done" } else { "progress" };
        Event::data(self.percent.to_string()).event(name)
    }
}

/// Jobs that wait. Each takes a second.
const QUEUE_MAX: usize = 20;

/// Jobs that are remembered.
const JOBS_MAX: usize = 1000;

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Progress</title>
<button>Start</button>
<progress max="100" value="0"></progress> <output></output>
<script>
  const [button, bar, output] = ["button", "progress", "output"].map(it => document.querySelector(it));
  button.onclick = async () => {
    button.disabled = true;
    output.value = "";
    const response = await fetch("/jobs", { method: "POST" });
    if (!response.ok) {
      output.value = "try again later";
      button.disabled = false;
      return;
    }
    const events = new EventSource(response.headers.get("Location") + "/events");
    const show = event => bar.value = event.data;
    events.addEventListener("progress", show);
    events.addEventListener("done", event => {
      show(event);
      // Without this the browser would connect again.
      events.close();
      output.value = "done";
      button.disabled = false;
    });
  };
</script>
"#;
