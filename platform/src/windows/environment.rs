//! The environment of a child, as std's `Command` describes it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::process::Command;

use windows_sys::Win32::Globalization::{CSTR_LESS_THAN, CompareStringOrdinal};

/// All variables of a child, in the order that the system wants.
pub(super) struct Environment {
    vars: BTreeMap<Key, OsString>,
    /// The folders in which the child's program is looked up, if they are not those of this process.
    has_own_path: bool,
}

impl Environment {
    /// `cleared` is whether `command` hides the variables of this process, which it does not tell.
    pub(super) fn of(command: &Command, cleared: bool) -> Self {
        let mut vars: BTreeMap<_, _> = match cleared {
            true => BTreeMap::new(),
            false => std::env::vars_os()
                .map(|(key, value)| (Key::new(&key), value))
                .collect(),
        };
        let path = Key::new(OsStr::new("PATH"));
        let mut has_own_path = cleared;
        for (key, value) in command.get_envs() {
            let key = Key::new(key);
            has_own_path |= key == path;
            match value {
                Some(value) => vars.insert(key, value.to_owned()),
                None => vars.remove(&key),
            };
        }
        Self { vars, has_own_path }
    }

    /// The child's `PATH`, if it is to have one of its own.
    pub(super) fn own_path(&self) -> Option<&OsStr> {
        let path = self.vars.get(&Key::new(OsStr::new("PATH")))?;
        self.has_own_path.then_some(path)
    }

    /// `key=value` NUL, …, and one more NUL.
    pub(super) fn block(&self) -> io::Result<Vec<u16>> {
        let mut block = Vec::new();
        for (Key { name, .. }, value) in &self.vars {
            block.extend(no_nul(name)?.encode_wide());
            block.push(u16::from(b'='));
            block.extend(no_nul(value)?.encode_wide());
            block.push(0);
        }
        if block.is_empty() {
            block.push(0);
        }
        block.push(0);
        Ok(block)
    }
}

/// The name of a variable: the system does not tell large letters from small ones.
#[derive(Debug)]
struct Key {
    name: OsString,
    wide: Vec<u16>,
}

impl Key {
    fn new(name: &OsStr) -> Self {
        Self {
            name: name.to_owned(),
            wide: name.encode_wide().collect(),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = |key: &Self| i32::try_from(key.wide.len()).unwrap_or(i32::MAX);
        // SAFETY: each string has at least as many units as the call is told, and outlives it.
        let order = unsafe {
            CompareStringOrdinal(
                self.wide.as_ptr(),
                length(self),
                other.wide.as_ptr(),
                length(other),
                1,
            )
        };
        match order {
            // It fails for no strings like these.
            0 => self.wide.cmp(&other.wide),
            // Less, equal and greater follow each other.
            order => order.cmp(&(CSTR_LESS_THAN + 1)),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// The same text, unless it would end early where texts end with a NUL.
pub(super) fn no_nul(text: &OsStr) -> io::Result<&OsStr> {
    match text.encode_wide().any(|unit| unit == 0) {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("there is a NUL in {text:?}"),
        )),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(command: &Command) -> String {
        String::from_utf16(&Environment::of(command, true).block().unwrap()).unwrap()
    }

    #[test]
    fn variables_are_sorted_without_regard_to_case_and_the_last_value_counts() {
        let mut command = Command::new("x");
        command.env_clear();
        assert_eq!(block(&command), "\0\0");
        command.envs([
            ("b", "1"),
            ("C", ""),
            ("a", "=2"),
            ("=C:", "C:\\"),
            ("ü", "3"),
        ]);
        command.env("B", "4").env_remove("c");
        assert_eq!(block(&command), "=C:=C:\\\0a==2\0b=4\0ü=3\0\0");
        command.env("x", "1\u{0}2");
        let error = Environment::of(&command, true).block().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_this_process_has_is_handed_on_unless_it_was_removed() {
        let (key, value) = std::env::vars_os()
            .find(|(key, _)| !key.eq_ignore_ascii_case("PATH"))
            .unwrap();
        let mut command = Command::new("x");
        let has = |command: &Command| {
            let vars = Environment::of(command, false).vars;
            vars.get(&Key::new(&key)) == Some(&value)
        };
        assert!(has(&command));
        command.env_remove(key.to_ascii_lowercase());
        assert!(!has(&command));
    }

    #[test]
    fn a_path_of_its_own_is_one_that_was_set() {
        let mut command = Command::new("x");
        let own = |command: &Command| {
            let environment = Environment::of(command, false);
            environment.own_path().map(OsStr::to_owned)
        };
        assert_eq!(own(&command), None);
        command.env("Path", "C:\\tools");
        assert_eq!(own(&command), Some("C:\\tools".into()));
        command.env_remove("PATH");
        assert_eq!(own(&command), None);
    }
}
