//! Any bytes are a command or an error; what it names becomes a path without empty parts, and of repeated parameters the first counts.

use sluicegate::rtmp::address::Address;
use sluicegate::rtmp::command::{Command, MAX_COMMAND, command, connect_result};

pub fn run(data: &[u8]) {
    let Ok(parsed) = Command::parse(data) else { return };
    assert!(data.len() <= MAX_COMMAND);
    match &parsed {
        Command::Connect(connect) => {
            resolve(connect.app(), connect.tc_url(), connect.flash_ver());
            let answer = connect_result(connect, Vec::new());
            assert!(matches!(Command::parse(&answer), Ok(Command::Result { .. })));
        }
        Command::Publish { name, .. } | Command::Play { name, .. } => {
            resolve("live", "", name);
            resolve(name, name, "");
        }
        Command::Other { name, tx } => {
            let again = Command::parse(&command(name, *tx, []));
            assert!(matches!(again, Ok(Command::Other { name: again, .. }) if again == *name));
        }
        _ => {}
    }
    assert!(!format!("{parsed:?}").is_empty());
}

fn resolve(app: &str, tc_url: &str, name: &str) {
    let address = Address::resolve(app, tc_url, name);
    assert!(address.path.is_empty() || address.path.split('/').all(|part| !part.is_empty()));
    for (key, value) in address.query.iter() {
        let first = address.query.iter().find(|(name, _)| *name == key);
        assert_eq!(first.map(|(_, first)| Some(first)), Some(address.query.get(key)), "of {value:?} the first counts");
    }
}
