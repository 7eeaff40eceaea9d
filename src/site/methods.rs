//! The methods that a handler takes.

use crate::http::Method;

/// A set of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u16);

impl Methods {
    /// GET and HEAD.
    pub const READ: Methods = Methods(bit(Method::Get) | bit(Method::Head));

    /// Every method that a handler may take, those that this server does not know among them.
    pub const ALL: Methods = Methods(!(bit(Method::Trace) | bit(Method::Connect)));

    /// Those that this server does not know.
    pub const EXTENSIONS: Methods = Methods(1 << 15);

    /// None.
    pub const NONE: Methods = Methods(0);

    /// These methods; GET brings HEAD with it (RFC 9110 §9.1 requires both of every server). TRACE
    /// and CONNECT have no handler ever: they are about the connection, not about what is here. One
    /// that this server does not know brings all such methods.
    pub fn of(methods: &[Method]) -> Methods {
        let set = methods
            .iter()
            .filter(|method| !matches!(method, Method::Trace | Method::Connect))
            .fold(0, |set, &method| set | bit(method));
        let get = set & bit(Method::Get);
        Methods(if get == 0 { set } else { set | Methods::READ.0 })
    }

    /// Whether the method is one of them.
    pub fn contains(self, method: Method) -> bool {
        self.0 & bit(method) != 0
    }

    /// These and those.
    pub fn and(self, others: Methods) -> Methods {
        Methods(self.0 | others.0)
    }

    /// Whether there is none that the others do not have.
    pub fn is_within(self, others: Methods) -> bool {
        self.0 & !others.0 == 0
    }

    /// The value of `Allow`; OPTIONS is always among them, for the site answers it.
    pub fn allow(self) -> String {
        let order =
            [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];
        let names = order.iter().filter(|&&method| self.contains(method)).map(Method::as_str);
        names.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }
}

/// The place of a method in a set.
const fn bit(method: Method) -> u16 {
    match method {
        Method::Connect => 1,
        Method::Delete => 1 << 1,
        Method::Get => 1 << 2,
        Method::Head => 1 << 3,
        Method::Options => 1 << 4,
        Method::Patch => 1 << 5,
        Method::Post => 1 << 6,
        Method::Put => 1 << 7,
        Method::Trace => 1 << 8,
        Method::Extension(_) => Methods::EXTENSIONS.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_a_method_that_nobody_knows_takes_all_such_and_no_other() {
        let [find, report] = ["PROPFIND", "REPORT"].map(|name| Method::new(name).expect("a token"));
        assert!(
            Methods::of(&[find]).contains(report) && !Methods::of(&[find]).contains(Method::Get)
        );
        assert!(Methods::ALL.contains(find) && Methods::ALL.contains(Method::Options));
        assert!(!Methods::ALL.contains(Method::Trace) && !Methods::ALL.contains(Method::Connect));
    }

    #[test]
    fn get_brings_head_and_options_is_always_allowed() {
        assert_eq!(Methods::READ.allow(), "GET, HEAD, OPTIONS");
        assert_eq!(Methods::of(&[Method::Get, Method::Put]).allow(), "GET, HEAD, PUT, OPTIONS");
        assert!(!Methods::of(&[Method::Post]).contains(Method::Head));
    }
}
