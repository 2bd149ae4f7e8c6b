//! All tests of this program once more, where the system refuses to make pidfds: old kernels do, and sandboxes.

use std::io;
use std::process::{Command, Output, Stdio};

#[test]
fn all_this_holds_on_kernels_without_pidfds() {
    run_all(libc::ENOSYS);
}

#[test]
fn all_this_holds_where_a_sandbox_forbids_pidfds() {
    run_all(libc::EPERM);
}

fn run_all(errno: i32) {
    let output = without_pidfd(errno, || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for test in [&["without_pidfd::"], crate::NEED_PIDFDS].concat() {
            command.args(["--skip", test]);
        }
        command.stdin(Stdio::null()).output().unwrap()
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("running 0 tests"), "{text}");
}

/// Does `work` in a thread whose pidfds are refused with `errno`, as are those of all the processes that it starts.
fn without_pidfd(errno: i32, work: impl FnOnce() -> Output + Send + 'static) -> Output {
    let thread = std::thread::spawn(move || {
        forbid_pidfds(errno);
        // SAFETY: takes two integers.
        let made = unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) };
        let error = io::Error::last_os_error();
        assert_eq!((made, error.raw_os_error()), (-1, Some(errno)));
        work()
    });
    thread.join().unwrap()
}

/// For this thread and what it starts, and there is no way back.
fn forbid_pidfds(errno: i32) {
    let [load, compare, give] = [
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    ];
    let step = |code: u32, k: u32, jf: u8| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | errno as u32;
    let mut steps = [
        // The number of the system call is the first field of what a filter sees.
        step(load, 0, 0),
        step(compare, libc::SYS_pidfd_open as u32, 1),
        step(give, refuse, 0),
        step(give, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: takes integers. Without it only root may set a filter.
    let set = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
    // SAFETY: the program and its steps live until the kernel has copied them.
    let set = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}
