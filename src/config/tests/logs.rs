//! Errors about logs.

use super::*;

#[test]
fn the_errors_of_an_access_log_say_what_to_write() {
    let folder = Folder::new("log-errors");
    for (text, expected) in [
        (
            "access_log = true",
            "3:14: access_log must say where it goes, such as access_log = \"access.log\"; false turns it off",
        ),
        (
            "access_log = \"-\"",
            "3:14: a log cannot be \"-\": write \"stdout\" or \"stderr\", or \"./-\" for a file",
        ),
        ("access_log = 7", "3:14: access_log must be a table, not a number"),
        (
            "access_log = { format = \"combind\" }",
            "3:25: format must be \"combined\", \"common\", \"json\", or text with variables such as \"$remote_addr $status\", not \"combind\"; did you mean \"combined\"?",
        ),
        (
            "access_log = { format = \"$remote_adr $status\" }",
            "3:25: format: there is no variable $remote_adr; did you mean $remote_addr?",
        ),
        (
            "access_log = { format = \"$upstream_addr $status $gzip_ratio $remote_adr $gzip_ratio\" }",
            "3:25: format: there are no variables $upstream_addr, $gzip_ratio, $remote_adr; for $remote_adr, did you mean $remote_addr?",
        ),
        (
            "access_log = { format = \"$\" }",
            "3:25: format: a $ must be followed by the name of a variable",
        ),
        (
            "access_log = { format = \"$status\\n\" }",
            "3:25: format: a line cannot contain control characters other than tabs",
        ),
        (
            "access_log = { format = \"json\", escape = \"json\" }",
            "3:42: escape is for a format of your own, such as format = \"$remote_addr $status\"; the other formats know how to escape",
        ),
        (
            "access_log = { escape = \"xml\" }",
            "3:25: escape must be \"default\" or \"json\", not \"xml\"",
        ),
        (
            "access_log = { file = \"syslog:\", facility = \"locla7\" }",
            "3:45: facility must be a facility such as \"daemon\" or \"local7\", not \"locla7\"; did you mean \"local7\"?",
        ),
        (
            "access_log = \"syslog:server=unix:/dev/log\"",
            "3:14: access_log is nginx's; write \"syslog:/dev/log\" or \"syslog:udp://host:514\", and facility and tag beside it",
        ),
        (
            "access_log = { skip_status = [\"6xx\"] }",
            "3:31: skip_status must be a status such as 404 or a class such as \"4xx\", not \"6xx\"",
        ),
        (
            "access_log = { skip_paths = [\"a/b\"] }",
            "3:30: skip_paths has \"a/b\", which must begin with a slash",
        ),
        ("access_log = { skip = 1 }", "3:16: unknown key \"skip\" in [access_log]"),
        (
            "log = { file = \"off\" }",
            "3:16: file cannot be \"off\" in [log]; write level = \"off\"",
        ),
    ] {
        let errors = folder.errors(format!("root = \"www\"\nlisten = \":0\"\n{text}\n"));
        let first = errors.first().map(String::as_str).unwrap_or_default();
        assert_eq!(first, format!("httpd.toml:{expected}"), "{text}");
    }
}

#[test]
fn a_log_of_a_location_that_cannot_be_written_is_an_error() {
    let folder = Folder::new("log-of-location");
    let errors = folder
        .errors("root = \"www\"\n[[location]]\npath = \"/a/\"\naccess_log = \"nowhere/a.log\"\n");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("httpd.toml:4:14: cannot write the log"), "{errors:?}");
}

#[test]
fn a_destination_is_opened_once_however_many_hosts_have_it() {
    let folder = Folder::new("log-of-hosts");
    let hosts: String = (0..300)
        .map(|host| {
            format!("[[host]]\nserver_name = \"h{host}.example\"\naccess_log = \"a.log\"\n")
        })
        .collect();
    assert!(folder.errors(format!("root = \"www\"\n{hosts}")).is_empty());
    let hosts: String = (0..300)
        .map(|host| {
            format!("[[host]]\nserver_name = \"h{host}.example\"\naccess_log = \"{host}.log\"\n")
        })
        .collect();
    let errors = folder.errors(format!("root = \"www\"\n{hosts}"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("the number of access logs is limited to 256"), "{errors:?}");
}

#[test]
fn a_header_for_the_ids_of_requests_must_be_one() {
    let folder = Folder::new("request-ids");
    for (text, expected) in [
        ("7", "request_id must be true, false or the name of a header, not a number"),
        (
            "\"my id\"",
            "request_id must be true, or the name of a header such as \"X-Correlation-Id\": \"my id\" is no header name",
        ),
        (
            "\"Date\"",
            "request_id must be true, or the name of a header such as \"X-Correlation-Id\": the server itself sends the header Date",
        ),
    ] {
        let errors = folder.errors(format!("root = \"www\"\nrequest_id = {text}\n"));
        assert_eq!(errors, [format!("httpd.toml:2:14: {expected}")]);
    }
    for text in ["true", "false", "\"X-Correlation-Id\""] {
        assert!(folder.errors(format!("root = \"www\"\nrequest_id = {text}\n")).is_empty());
    }
}
