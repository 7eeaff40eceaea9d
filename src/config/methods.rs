//! Reads the methods of a directory. Knows which ones apply to files.

use super::nearest::nearest;
use super::origin::LocatedError;
use super::value::Value;
use crate::http::Method;

/// The methods of an array, each once.
pub(super) fn read(value: Value<'_>) -> Result<Vec<Method>, LocatedError> {
    let mut methods = Vec::new();
    for item in value.items() {
        let method = read_one(item)?;
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    if methods.is_empty() {
        return Err(value.error("must name a method; without this key they are GET and HEAD"));
    }
    if methods.contains(&Method::Head) && !methods.contains(&Method::Get) {
        return Err(value.error("must include GET if they include HEAD"));
    }
    Ok(methods)
}

fn read_one(item: Value<'_>) -> Result<Method, LocatedError> {
    let name = item.text()?;
    let method = Method::recognise(name.as_bytes());
    match method {
        Some(method) if FILES.contains(&method) => Ok(method),
        Some(Method::Options) => {
            Err(item.error("need not include OPTIONS, which is always allowed"))
        }
        Some(method) => Err(item.error(format_args!(
            "cannot include {method}, which does not apply to files; files take {}",
            names().join(", ")
        ))),
        None => {
            let near = nearest(&name.to_ascii_uppercase(), &names());
            let hint = near.map_or_else(
                || format!("files take {}", names().join(", ")),
                |near| format!("did you mean \"{near}\"?"),
            );
            Err(item.error(format_args!("cannot include {name:?}, which is not a method; {hint}")))
        }
    }
}

fn names() -> Vec<&'static str> {
    FILES.iter().map(|method| method.as_str()).collect()
}

const FILES: [Method; 5] = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete];
