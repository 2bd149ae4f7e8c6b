//! The folder that sockets of labelled names are in.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use offspring_platform::{Listener, Name, NameError};
use tempfile::TempDir;

use crate::alone_with;
use crate::name::serves;
use crate::support::program;

/// A folder as the system makes it for a session.
fn private_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o700);
    folder
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn with_runtime_folder(expect: &str, folder: &Path) {
    let mut command = program("folder::in_a_given_folder");
    alone_with(command.env("XDG_RUNTIME_DIR", folder).env("EXPECT", expect));
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn in_a_given_folder() {
    let folder = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").unwrap());
    let name = Name::unique().unwrap();
    match std::env::var("EXPECT").unwrap().as_str() {
        "used" => {
            let path = name.path().unwrap();
            assert_eq!(path, folder.join("offspring").join(format!("{name}.sock")));
            assert!(!folder.join("offspring").exists(), "asking has made it");
            let mut listener = Listener::bind(&name).unwrap();
            let mode = folder.join("offspring").metadata().unwrap().mode();
            assert_eq!(mode & 0o7777, 0o700);
            serves(&name, &mut listener).await;
        }
        "passed over" => {
            // There may be another place for sockets, or none.
            assert!(
                name.path().is_ok_and(|path| !path.starts_with(&folder)) || name.path().is_err()
            );
        }
        "too long" => {
            let error = name.path().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let error = error
                .get_ref()
                .unwrap()
                .downcast_ref::<NameError>()
                .unwrap();
            assert!(matches!(error, NameError::TooLong { .. }), "{error}");
        }
        kind => {
            let error = Listener::bind(&name).unwrap_err();
            assert_eq!(format!("{:?}", error.kind()), kind, "{error}");
            assert!(error.to_string().contains("offspring"), "{error}");
        }
    }
}

#[test]
fn a_private_runtime_folder_is_used() {
    let folder = private_folder();
    with_runtime_folder("used", folder.path());
}

#[test]
fn a_runtime_folder_that_others_can_enter_is_passed_over_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o755, 0o750, 0o701] {
        set_mode(folder.path(), mode);
        with_runtime_folder("passed over", folder.path());
        assert_eq!(folder.path().metadata().unwrap().mode() & 0o7777, mode);
    }
    with_runtime_folder("passed over", Path::new("relative"));
    with_runtime_folder("passed over", &folder.path().join("missing"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_for_sockets_that_is_not_private_is_refused_and_not_changed() {
    let runtime = private_folder();
    let folder = runtime.path().join("offspring");
    std::fs::create_dir(&folder).unwrap();
    for mode in [0o777, 0o710, 0o704] {
        set_mode(&folder, mode);
        with_runtime_folder("PermissionDenied", runtime.path());
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, mode);
    }
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, "precious").unwrap();
    with_runtime_folder("NotADirectory", runtime.path());
    assert_eq!(std::fs::read(&folder).unwrap(), b"precious");
    std::fs::remove_file(&folder).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &folder).unwrap();
    with_runtime_folder(
        if cfg!(target_os = "linux") {
            "NotADirectory"
        } else {
            "FilesystemLoop"
        },
        runtime.path(),
    );
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_path_beyond_the_limit_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("x".repeat(80));
    std::fs::create_dir(&deep).unwrap();
    set_mode(&deep, 0o700);
    with_runtime_folder("too long", &deep);
    assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0);
}
