//! A login with a cookie: `cargo run --example login`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl localhost:8080/private/diary                                        # 401
//! curl -c jar localhost:8080/login -d name=ada -d password=lovelace        # keeps the cookie in a file
//! curl -b jar localhost:8080/private/diary
//! curl -b jar localhost:8080/logout -X POST                                # the cookie is worth nothing now
//! ```
//!
//! The cookie is a random number. Who it stands for is in the memory of the server, so that a client cannot make
//! one up, and a logout ends it. Scripts of a page cannot read the cookie (`HttpOnly`), and forms of other sites do
//! not send it (`SameSite=Lax`); both are what `Cookie` does by itself.
//!
//! A real program keeps hashes of the passwords (Argon2), bounds how often somebody may guess, and uses TLS.

use httpd::{Cookie, Failure, Request, RequestError, Response, Scheme, Server, Site, Status};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const USERS: [(&str, &str); 2] = [("ada", "lovelace"), ("grace", "hopper")];

/// Who is logged in, by the value of the cookie.
#[derive(Default)]
struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    user: &'static str,
    until: Instant,
}

impl Sessions {
    /// Begins a session, and forgets those that are over.
    fn begin(&self, user: &'static str) -> Result<Cookie, Failure> {
        let id = random_id()?;
        let now = Instant::now();
        let mut sessions = self.0.lock().expect("no handler panics with the lock");
        sessions.retain(|_, session| session.until > now);
        sessions.insert(id.clone(), Session { user, until: now + SESSION_TIME });
        Ok(Cookie::new(COOKIE, id)?.max_age(SESSION_TIME))
    }

    /// Who sent a request.
    fn user(&self, request: &Request<'_>) -> Option<&'static str> {
        let sessions = self.0.lock().expect("no handler panics with the lock");
        let session = sessions.get(request.cookie(COOKIE)?)?;
        (session.until > Instant::now()).then_some(session.user)
    }

    fn end(&self, request: &Request<'_>) {
        if let Some(id) = request.cookie(COOKIE) {
            self.0.lock().expect("no handler panics with the lock").remove(id);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let server = Server::new(site()).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

fn site() -> Site {
    let sessions = Arc::new(Sessions::default());
    let [guard, front, login, diary, logout] = std::array::from_fn(|_| Arc::clone(&sessions));
    Site::new()
        .around("/private", move |request, next| match guard.user(request) {
            Some(_) => next.run(),
            None => (Status::UNAUTHORIZED, "log in at / first\n").into(),
        })
        .get("/", move |request| match front.user(request) {
            Some(user) => Response::html(format!("<p>Hello {user}.\n{LOGOUT}")),
            None => Response::html(LOGIN),
        })
        .post("/login", move |request| -> Result<Response, Failure> {
            let form = request.form()?;
            let given = (form.required("name")?, form.required("password")?);
            let Some((user, _)) = USERS.into_iter().find(|user| *user == given) else {
                return Err(
                    RequestError::new(Status::FORBIDDEN, "no such name and password").into()
                );
            };
            let cookie = login.begin(user)?.secure(request.scheme() == Scheme::Https);
            Ok(Response::redirect(Status::SEE_OTHER, "/").cookie(cookie))
        })
        .get("/private/diary", move |request| {
            format!("Dear diary of {},\n", diary.user(request).unwrap_or("nobody"))
        })
        .post("/logout", move |request| -> Result<Response, Failure> {
            logout.end(request);
            Ok(Response::redirect(Status::SEE_OTHER, "/").cookie(Cookie::removal(COOKIE)?))
        })
}

/// 128 bits that nobody can guess.
fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

const COOKIE: &str = "session";

const SESSION_TIME: Duration = Duration::from_secs(8 * 60 * 60);

const LOGIN: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Login</title>
<form action="/login" method="post">
  <input name="name" placeholder="name" required autofocus>
  <input type="password" name="password" placeholder="password" required>
  <button>Log in</button>
</form>
"#;

const LOGOUT: &str = r#"<p><a href="/private/diary">Diary</a>
<form action="/logout" method="post"><button>Log out</button></form>
"#;
