//! Starting a program with more descriptors than the three that std gives.

use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawHandle as _, OwnedHandle};
use std::process::Command;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CreateProcessW, DeleteProcThreadAttributeList,
    EXTENDED_STARTUPINFO_PRESENT, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
    STARTUPINFOW, UpdateProcThreadAttribute,
};

use super::environment::Environment;
use super::handle::{check, own};
use super::running::{Running, starting_alone};
use super::{program, runtime, stdin};

/// Starts `command`, which inherits these descriptors, the first three as its standard streams, and nothing else.
///
/// What `command` says of standard streams does not count. With `held` it does not run yet.
pub(super) fn create<const COUNT: usize>(
    command: &Command,
    environment: &Environment,
    descriptors: [Option<OwnedHandle>; COUNT],
    held: bool,
) -> io::Result<Running> {
    let path = program::find(command.get_program(), environment.own_path())?;
    let path = program::wide(&path)?;
    let mut line = program::line(command)?;
    let environment = environment.block()?;
    let folder = command.get_current_dir().map(program::wide).transpose()?;
    let handles = descriptors.each_ref().map(|handle| {
        let handle = handle.as_ref();
        handle.map(|handle| handle.as_raw_handle())
    });
    let mut block = runtime::block(handles);
    let given: Vec<HANDLE> = handles.into_iter().flatten().collect();
    let attributes = Attributes::inheriting(&given)?;
    let slot = |number: usize| handles[number].unwrap_or(null_mut());
    let startup = STARTUPINFOEXW {
        StartupInfo: STARTUPINFOW {
            cb: size_of::<STARTUPINFOEXW>() as u32,
            dwFlags: STARTF_USESTDHANDLES,
            hStdInput: slot(0),
            hStdOutput: slot(1),
            hStdError: slot(2),
            cbReserved2: block.len() as u16,
            lpReserved2: block.as_mut_ptr(),
            ..STARTUPINFOW::default()
        },
        lpAttributeList: attributes.list(),
    };
    let held = if held { CREATE_SUSPENDED } else { 0 };
    let mut created = PROCESS_INFORMATION::default();
    starting_alone(|| {
        for handle in descriptors.iter().flatten() {
            stdin::set_inherited(handle, true)?;
        }
        // SAFETY: all texts end with a NUL, `line` is ours to change, the environment ends with two of them, and `startup`
        // with all it points to outlives the call, as its size says with the list behind it.
        let done = check(unsafe {
            CreateProcessW(
                path.as_ptr(),
                line.as_mut_ptr(),
                null(),
                null(),
                1,
                CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT | held,
                environment.as_ptr().cast(),
                folder.as_ref().map_or(null(), |folder| folder.as_ptr()),
                std::ptr::from_ref(&startup).cast(),
                &mut created,
            )
        });
        // Before anybody else may start a process.
        drop(descriptors);
        done
    })?;
    // SAFETY: the call has just made it for us.
    let process = unsafe { own(created.hProcess) };
    // SAFETY: as above.
    let _thread = unsafe { own(created.hThread) };
    Ok(Running::new(process?, created.dwProcessId))
}

/// What a process is to inherit, as the system wants it.
struct Attributes<'a> {
    /// Aligned for whatever the system puts there.
    space: Vec<MaybeUninit<u128>>,
    /// The list refers to these.
    _handles: &'a [HANDLE],
}

impl<'a> Attributes<'a> {
    fn inheriting(handles: &'a [HANDLE]) -> io::Result<Self> {
        let mut size = 0;
        // SAFETY: without a list the call only tells the size of one, and fails.
        unsafe { InitializeProcThreadAttributeList(null_mut(), 1, 0, &mut size) };
        let mut space = Vec::new();
        space.resize(size.div_ceil(size_of::<u128>()), MaybeUninit::uninit());
        let list: LPPROC_THREAD_ATTRIBUTE_LIST = space.as_mut_ptr().cast();
        // SAFETY: the space is as large as the call has asked for.
        check(unsafe { InitializeProcThreadAttributeList(list, 1, 0, &mut size) })?;
        let attributes = Self {
            space,
            _handles: handles,
        };
        // SAFETY: the list was initialized for one attribute; the handles outlive it, as the lifetime says.
        check(unsafe {
            UpdateProcThreadAttribute(
                list,
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                null_mut(),
                null(),
            )
        })?;
        Ok(attributes)
    }

    /// Only read by the call that gets it.
    fn list(&self) -> LPPROC_THREAD_ATTRIBUTE_LIST {
        self.space.as_ptr().cast_mut().cast()
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: `inheriting` has initialized the list, and this is its last use.
        unsafe { DeleteProcThreadAttributeList(self.list()) };
    }
}
