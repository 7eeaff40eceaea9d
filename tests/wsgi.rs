//! Python applications behind the real program, over real sockets.
//!
//! The applications are under `wsgi/apps`: [`behaviours.py`](wsgi/apps/behaviours.py) has one for every
//! way in which an application may behave, and there are real sites of Flask and Django. Each test has a
//! server of its own ([`server`]) whose folder is a copy of them. Without `python3` nothing is tested,
//! and without Flask and Django, which pip fetches once, not those: the output says so.

#[path = "suite/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what the suite has, for as much as is needed here")]
mod support;

#[path = "wsgi/browser.rs"]
mod browser;
#[path = "wsgi/load.rs"]
mod load;
#[path = "wsgi/server.rs"]
mod server;
#[path = "wsgi/venv.rs"]
mod venv;

#[path = "wsgi/answers.rs"]
mod answers;
#[path = "wsgi/content.rs"]
mod content;
#[path = "wsgi/deaths.rs"]
mod deaths;
#[path = "wsgi/django.rs"]
mod django;
#[path = "wsgi/downloads.rs"]
mod downloads;
#[path = "wsgi/environ.rs"]
mod environ;
#[path = "wsgi/failures.rs"]
mod failures;
#[path = "wsgi/flask.rs"]
mod flask;
#[path = "wsgi/hostile.rs"]
mod hostile;
#[path = "wsgi/replacement.rs"]
mod replacement;
#[path = "wsgi/slow_clients.rs"]
mod slow_clients;
#[path = "wsgi/start.rs"]
mod start;
#[path = "wsgi/waiting.rs"]
mod waiting;
