//! Which program a name means, and how its arguments are written into one line: both as std does it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use windows_sys::Win32::System::SystemInformation::{GetSystemDirectoryW, GetWindowsDirectoryW};
use windows_sys::core::PWSTR;

use super::environment::no_nul;

/// The file that `program` names: itself if it is a path, or the first one of that name in `own_path`, beside this
/// program, in the folders of the system, and in the `PATH` of this process.
pub(super) fn find(program: &OsStr, own_path: Option<&OsStr>) -> io::Result<PathBuf> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text);
    let path = Path::new(no_nul(program)?);
    let name = program.as_encoded_bytes();
    if name.is_empty() || name.ends_with(b"\\") || name.ends_with(b"/") {
        return Err(invalid("the path of the program has no file name"));
    }
    let found = match path.file_name() == Some(program) {
        true => look_up(path, own_path)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "program not found"))?,
        false => with_suffix(path),
    };
    if is_batch(&found) {
        let text = "a batch file hands no channel on to the program that it starts: name that one";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    Ok(found)
}

/// A path may leave the `.exe` out.
fn with_suffix(path: &Path) -> PathBuf {
    if path
        .extension()
        .is_some_and(|suffix| suffix.eq_ignore_ascii_case("exe"))
    {
        return path.to_owned();
    }
    let mut longer = path.as_os_str().to_owned();
    longer.push(".exe");
    match Path::new(&longer).exists() {
        true => longer.into(),
        false => path.to_owned(),
    }
}

fn look_up(name: &Path, own_path: Option<&OsStr>) -> Option<PathBuf> {
    let beside = env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    let system = [
        // SAFETY: each writes no more units than it is told there is room for.
        folder(|buf, size| unsafe { GetSystemDirectoryW(buf, size) }),
        // SAFETY: as above.
        folder(|buf, size| unsafe { GetWindowsDirectoryW(buf, size) }),
    ];
    let inherited = env::var_os("PATH");
    let own = own_path.into_iter().flat_map(env::split_paths);
    let inherited = inherited.iter().flat_map(env::split_paths);
    let first = own.filter(|folder| !folder.as_os_str().is_empty());
    let last = inherited.filter(|folder| !folder.as_os_str().is_empty());
    first
        .chain(beside)
        .chain(system.into_iter().flatten())
        .chain(last)
        .map(|folder| {
            let mut file = folder.join(name);
            // Whoever names a suffix means it.
            if !name.as_os_str().as_encoded_bytes().contains(&b'.') {
                file.set_extension("exe");
            }
            file
        })
        .find(|file| file.exists())
}

fn folder(ask: impl FnOnce(PWSTR, u32) -> u32) -> Option<PathBuf> {
    let mut units = [0; 512];
    let length = ask(units.as_mut_ptr(), units.len() as u32);
    let path = units.get(..length as usize).filter(|path| !path.is_empty());
    path.map(|path| PathBuf::from(OsString::from_wide(path)))
}

/// Files that the system gives to `cmd.exe`, which reads arguments by rules of its own. It drops dots and spaces at the end
/// of a name.
fn is_batch(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes().trim_ascii_end();
    let end = name.iter().rposition(|byte| !b". ".contains(byte));
    let name = &name[..end.map_or(0, |end| end + 1)];
    let suffix = name.len().checked_sub(4).map(|at| &name[at..]);
    suffix.is_some_and(|suffix| {
        suffix.eq_ignore_ascii_case(b".bat") || suffix.eq_ignore_ascii_case(b".cmd")
    })
}

/// The program and its arguments in one line, with a NUL behind it, as `CommandLineToArgvW` and the C runtime take it
/// apart again.
pub(super) fn line(command: &Command) -> io::Result<Vec<u16>> {
    let program = no_nul(command.get_program())?;
    // The name is always quoted, for it is read by simpler rules: no quote can be in it.
    let mut line: Vec<u16> = [QUOTE].into_iter().chain(program.encode_wide()).collect();
    line.push(QUOTE);
    for arg in command.get_args() {
        line.push(SPACE);
        quote(no_nul(arg)?, &mut line);
    }
    line.push(0);
    Ok(line)
}

/// Backslashes mean themselves, but before a quote.
fn quote(arg: &OsStr, line: &mut Vec<u16>) {
    let quoted = arg.is_empty()
        || arg
            .encode_wide()
            .any(|unit| unit == SPACE || unit == u16::from(b'\t'));
    if quoted {
        line.push(QUOTE);
    }
    let mut backslashes = 0;
    for unit in arg.encode_wide() {
        if unit == BACKSLASH {
            backslashes += 1;
        } else {
            if unit == QUOTE {
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
            }
            backslashes = 0;
        }
        line.push(unit);
    }
    if quoted {
        line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
        line.push(QUOTE);
    }
}

/// As the system wants a path: its units, and a NUL.
pub(super) fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let path = no_nul(path.as_os_str())?;
    Ok(path.encode_wide().chain([0]).collect())
}

const QUOTE: u16 = b'"' as u16;
const SPACE: u16 = b' ' as u16;
const BACKSLASH: u16 = b'\\' as u16;

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(args: &[&str]) -> String {
        let mut command = Command::new("C:\\a b\\node");
        command.args(args);
        String::from_utf16(&line(&command).unwrap()).unwrap()
    }

    #[test]
    fn arguments_are_quoted_where_they_must_be() {
        for (arg, written) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a\tb", "\"a\tb\""),
            ("C:\\dir\\", "C:\\dir\\"),
            ("C:\\my dir\\", "\"C:\\my dir\\\\\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("\"", "\\\""),
            ("a\\\"b", "a\\\\\\\"b"),
            ("a\\\\ b", "\"a\\\\ b\""),
            ("%PATH% & echo", "\"%PATH% & echo\""),
        ] {
            let line = line_of(&[arg]);
            assert_eq!(line, format!("\"C:\\a b\\node\" {written}\0"), "{arg}");
        }
        let mut command = Command::new("node");
        command.arg("a\0b");
        assert_eq!(
            line(&command).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn batch_files_are_refused_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("node.cmd"), "exit").unwrap();
        for name in ["node.cmd", "NODE.CMD", "x.bat", "x.bat. .", "x.Bat "] {
            let error = find(folder.path().join(name).as_os_str(), None).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{name}");
        }
        let found = find(OsStr::new("node.cmd"), Some(folder.path().as_os_str()));
        assert_eq!(found.unwrap_err().kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn a_name_is_looked_up_and_a_path_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offspring-test.exe");
        std::fs::write(&file, "").unwrap();
        let own = Some(folder.path().as_os_str());
        for name in ["offspring-test", "offspring-test.exe"] {
            assert_eq!(find(OsStr::new(name), own).unwrap(), file);
            let error = find(OsStr::new(name), None).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
        let path = folder.path().join("offspring-test");
        assert_eq!(find(path.as_os_str(), None).unwrap(), file);
        // Whether it is there is seen when it is started.
        let path = folder.path().join("missing");
        assert_eq!(find(path.as_os_str(), None).unwrap(), path);
        assert!(find(OsStr::new("cmd"), None).is_ok());
        for name in ["", "C:\\", "folder/", "a\0b"] {
            let error = find(OsStr::new(name), None).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
