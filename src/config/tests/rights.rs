//! Whom the server and its applications become, and what they may reach.

use super::*;
use crate::sys::user::is_root;

#[test]
fn a_user_that_is_not_known_is_said_with_what_to_write() {
    let folder = Folder::new("rights-user");
    let errors = folder.errors(
        "root = \"www\"\nuser = \"nobody-knows\"\n\
         [[location]]\npath = \"/a\"\nwsgi = \"a:b\"\nuser = 4000000001\n\
         [[location]]\npath = \"/b\"\nwsgi = \"a:b\"\nuser = 1\ngroup = \"nobody-knows\"\n\
         [[location]]\npath = \"/c\"\nwsgi = \"a:b\"\ngroup = \"root\"\n",
    );
    assert_eq!(
        errors,
        [
            "httpd.toml:2:8: user must be a user of this system, not \"nobody-knows\"; useradd --system nobody-knows makes one",
            "httpd.toml:6:8: user 4000000001 has no entry on this system, which would name its group: write group too",
            "httpd.toml:11:9: group must be a group of this system, not \"nobody-knows\"",
            "httpd.toml:15:9: group goes with user: write user = \"www-data\" too",
        ]
    );
}

#[test]
fn keys_for_an_application_are_refused_where_there_is_none() {
    let folder = Folder::new("rights-alone");
    let errors = folder.errors(
        "root = \"www\"\n[[location]]\npath = \"/a\"\nconfinement = false\n\
         [[location]]\npath = \"/b\"\nnetwork = false\n\
         [[location]]\npath = \"/c\"\nwsgi = \"a:b\"\nreadable = \"nowhere\"\nwritable = [\"nowhere\"]\n",
    );
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(
        errors[0].starts_with("httpd.toml:4:15: user, group, readable and confinement are for")
    );
    assert!(errors[1].contains("network is for an application: add wsgi"), "{errors:?}");
    assert!(errors[2].starts_with("httpd.toml:11:12: readable: "), "{errors:?}");
    assert!(errors[3].starts_with("httpd.toml:12:13: writable: "), "{errors:?}");
}

#[test]
fn root_is_a_user_only_if_it_is_said_twice() {
    let folder = Folder::new("rights-root");
    if !is_root() {
        return;
    }
    let errors = folder.errors("root = \"www\"\nuser = \"root\"\n");
    let expected = "httpd.toml:2:8: user \"root\" is root: to serve as root, write serve_as_root = true instead";
    assert_eq!(errors, [expected]);
    assert!(folder.errors("root = \"www\"\nuser = 0\nserve_as_root = true\n").is_empty());
}

#[test]
fn what_a_server_reaches_follows_from_what_it_serves() {
    let folder = Folder::new("rights-reach");
    let reach = |text: &str| {
        let config = load(Some(&folder.write(text)), &Overrides::default());
        config.unwrap_or_else(|it| panic!("{it:?}")).rights.reach
    };
    let www = folder.0.join("www").canonicalize().expect("it is there");
    let plain = reach("root = \"www\"\n").expect("it is on by default");
    assert_eq!(plain.read, std::slice::from_ref(&www));
    assert_eq!(plain.change, [std::env::temp_dir()]);
    assert!(plain.run.is_empty() && !plain.network);
    let stores = reach("root = \"www\"\nmethods = [\"GET\", \"PUT\"]\n").expect("it is on");
    assert_eq!(stores.change, [www, std::env::temp_dir()]);
    let links = reach("root = \"www\"\nsymlinks = \"all\"\n").expect("it is on");
    assert!(links.read.contains(&"/".into()));
    assert_eq!(reach("root = \"www\"\nconfinement = false\n"), None);
}

#[test]
fn an_application_has_the_rights_of_its_location_and_otherwise_those_of_the_server() {
    let folder = Folder::new("rights-application");
    let applications = |text: &str| {
        let config = load(Some(&folder.write(text)), &Overrides::default());
        config.unwrap_or_else(|it| panic!("{it:?}")).server.applications()
    };
    let text = "user = \"nobody\"\n\
        [[location]]\npath = \"/a\"\nwsgi = \"a:b\"\n\
        [[location]]\npath = \"/b\"\nwsgi = \"a:b\"\nuser = 12345\ngroup = 23456\nnetwork = false\n\
        writable = [\"www\"]\nreadable = \"/usr/share\"\n\
        [[location]]\npath = \"/c\"\nwsgi = \"a:b\"\nconfinement = false\n";
    let [a, b, c] = &applications(text)[..] else { panic!("three are written") };
    let reach = a.confinement.as_ref().expect("it is confined");
    assert!(
        reach.network
            && reach.change.contains(&folder.0)
            && !reach.read.contains(&"/usr/share".into())
    );
    let reach = b.confinement.as_ref().expect("it is confined");
    assert!(
        !reach.network
            && !reach.change.contains(&folder.0)
            && reach.read.contains(&"/usr/share".into())
    );
    assert!(reach.change.contains(&folder.0.join("www")) && !reach.read.contains(&"/etc".into()));
    assert!(c.confinement.is_none());
    if is_root() {
        assert_eq!(a.identity.as_ref().map(|it| it.name.as_str()), Some("nobody"));
        assert_eq!(a.file_group, None);
        assert_eq!(b.identity.as_ref().map(|it| it.user), Some(12345));
        assert_eq!(b.file_group, Some(23456));
    }
}
