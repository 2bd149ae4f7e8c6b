//! Streams and listeners for threads that wait.
//!
//! A thread that waits for bytes does so in `recv` itself, for a moment, and only then in `poll`: while messages come
//! and go, each of them costs one call. What else it waits for (the exit of a child, the bell) is noticed after that
//! moment at the latest.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::process::ChildStderr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio, ioctl_fionread};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use super::channel::{Channel, InFlight, Room, make_room, send_both, send_now, tune};
use super::connecting::{Attempt, Attempts};
use super::descriptor::{accept, left, retry, socket_pair};
use super::exit::Exit;
use super::listener::{Exhaustion, admitted, bind};
use super::ownership::Ownership;
#[cfg(feature = "node")]
use super::passing::{Received, Sending};
use super::peer;
use crate::Name;
use crate::blocking::{Ready, Want};
use crate::handoff::End;

#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
    peer_pid: Option<u32>,
    in_flight: Mutex<InFlight>,
    /// The process at the other end, if that is a child. Whoever else holds that end open does not read.
    reader: Option<Exit>,
    /// It has ended.
    reader_is_gone: AtomicBool,
    room: Room,
    bell: OnceLock<Bell>,
    /// What goes beside the bytes, if anything ever does.
    #[cfg(feature = "node")]
    company: Option<Box<Company>>,
}

#[cfg(feature = "node")]
#[derive(Debug, Default)]
struct Company {
    /// Locked by whoever reads, also while that one waits: nobody else then has a reason to.
    received: Mutex<Received>,
    sending: Mutex<Sending>,
}

impl Stream {
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socket_pair()?;
        Ok((
            Self::of_channel(Channel::new(one))?,
            Self::of_channel(Channel::new(other))?,
        ))
    }

    pub(crate) fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        let mut attempts = Attempts::new(name, deadline)?;
        loop {
            match attempts.next()? {
                Attempt::Connected(socket, peer_pid) => {
                    return Self::adopt(Channel::new(socket), peer_pid);
                }
                Attempt::Busy(pause) => std::thread::sleep(pause),
            }
        }
    }

    fn adopt(channel: Channel, peer_pid: Option<u32>) -> io::Result<Self> {
        tune(&channel.fd)?;
        ioctl_fionbio(&channel.fd, !READS_WAIT)?;
        Ok(Self {
            #[cfg(feature = "node")]
            company: channel.handles.then(Box::default),
            fd: channel.fd,
            peer_pid,
            in_flight: Mutex::new(channel.in_flight),
            reader: None,
            reader_is_gone: AtomicBool::new(false),
            room: Room::default(),
            bell: OnceLock::new(),
        })
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        self.peer_pid
    }

    pub(crate) fn read_soon(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read(buf, RecvFlags::empty())
    }

    pub(crate) fn read_seen(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read(buf, RecvFlags::DONTWAIT)
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read(buf, RecvFlags::DONTWAIT)
    }

    pub(crate) fn arrived(&self) -> io::Result<u64> {
        Ok(ioctl_fionread(&self.fd)?)
    }

    fn read(&self, buf: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        let count = self.recv(buf, flags)?;
        if InFlight::MATTERS {
            lock(&self.in_flight).taken();
        }
        Ok(count)
    }

    fn recv(&self, buf: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize> {
        #[cfg(feature = "node")]
        if let Some(company) = &self.company {
            return lock(&company.received).recv(&self.fd, buf, flags);
        }
        Ok(retry(|| recv(&self.fd, &mut *buf, flags))?.1)
    }

    fn send(&self, buf: &[u8]) -> rustix::io::Result<usize> {
        #[cfg(feature = "node")]
        if let Some(company) = &self.company {
            let mut sending = lock(&company.sending);
            let fitting = sending.fitting(buf);
            return sending.send(&self.fd, fitting);
        }
        send_now(&self.fd, buf)
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        match self.room.send(&self.fd, buf, |buf| self.send(buf)) {
            Err(Errno::WOULDBLOCK) if self.reader_is_gone.load(Ordering::Relaxed) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            answer => Ok(answer?),
        }
    }

    pub(crate) fn try_write_both(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "node")]
        if self.company.is_some() {
            return self.try_write(first);
        }
        match send_both(&self.fd, first, second) {
            Err(Errno::WOULDBLOCK) => self.try_write(first),
            answer => Ok(answer?),
        }
    }

    pub(crate) fn wait(&self, mut want: Want<'_>) -> io::Result<Ready> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, want.read);
        flags.set(PollFlags::OUT, want.write);
        let bell = self.bell.get().filter(|_| want.bell);
        if want.bell && bell.is_none() {
            // There was no descriptor to be had: look again now and then.
            let soon = Instant::now() + MOMENT;
            want.until = Some(want.until.map_or(soon, |until| until.min(soon)));
        }
        let exit = want.exit.map(|process| process.0.exit());
        let reader = self.reader.as_ref().filter(|_| want.write);

        let others = [
            bell.map(Bell::listen),
            exit.as_ref().map(Exit::fd),
            reader.map(Exit::fd),
        ];
        let socket = PollFd::new(&self.fd, flags);
        let mut fds = [socket.clone(), socket.clone(), socket.clone(), socket];
        let mut count = 1;
        let places = others.map(|fd| {
            fds[count] = PollFd::new(fd?, PollFlags::IN);
            count += 1;
            Some(count - 1)
        });
        let patience = left(want.until);
        match poll(&mut fds[..count], patience.as_ref()) {
            // The caller looks at the clock and waits again.
            Err(Errno::INTR) => return Ok(Ready::default()),
            answer => answer?,
        };
        let [rung, exited, unread] =
            places.map(|place| place.is_some_and(|place| !fds[place].revents().is_empty()));
        if let (Some(bell), true) = (bell, rung) {
            bell.heard();
        }
        if unread {
            self.reader_is_gone.store(true, Ordering::Relaxed);
        }
        let socket = fds[0].revents();
        let over = socket.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        Ok(Ready {
            read: over || socket.contains(PollFlags::IN),
            write: over
                || socket.contains(PollFlags::OUT)
                || self.reader_is_gone.load(Ordering::Relaxed),
            exit: exited,
        })
    }

    pub(crate) fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    pub(crate) fn bound_reads(&self) -> io::Result<()> {
        if READS_WAIT {
            sockopt::set_socket_timeout(&self.fd, Timeout::Recv, Some(MOMENT))?;
        }
        Ok(())
    }

    pub(crate) fn hang_bell(&self) {
        if self.bell.get().is_none() {
            // Two threads may make one at once; only one of them is kept.
            if let Ok(bell) = Bell::new() {
                let _ = self.bell.set(bell);
            }
        }
    }

    pub(crate) fn make_room(&self) {
        make_room(&self.fd);
    }

    #[cfg(feature = "node")]
    pub(crate) fn end(&self) -> bool {
        // It fails if the peer is gone, and then there is nothing left to end.
        let _ = shutdown(&self.fd, Shutdown::Write);
        true
    }

    pub(crate) fn shut_down(&self) {
        // It fails only if the other end has closed already.
        let _ = shutdown(&self.fd, Shutdown::Both);
    }
}

#[cfg(feature = "node")]
impl Stream {
    pub(crate) fn take_handle(&self) -> Option<OwnedFd> {
        lock(&self.company.as_ref()?.received).take()
    }

    #[expect(
        clippy::unused_self,
        reason = "on other systems it counts who is asked"
    )]
    pub(crate) fn describe(&self, _: &OwnedFd) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    pub(crate) fn send_handle(&self, position: u64, fd: OwnedFd) {
        if let Some(company) = &self.company {
            lock(&company.sending).add(position, fd);
        }
    }
}

impl End for Stream {
    fn check() -> io::Result<()> {
        Ok(())
    }

    fn of_channel(channel: Channel) -> io::Result<Self> {
        Self::adopt(channel, None)
    }

    fn read_by(&mut self, process: Exit) {
        self.reader = Some(process);
    }
}

/// Wakes a thread out of `poll`. Made when a thread first waits that others may want to wake.
#[derive(Debug)]
struct Bell {
    listen: OwnedFd,
    /// `None` if it is the same descriptor.
    ring: Option<OwnedFd>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Bell {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let listen = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { listen, ring: None })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Bell {
    fn new() -> io::Result<Self> {
        let (listen, ring) = super::descriptor::pipe()?;
        ioctl_fionbio(&listen, true)?;
        ioctl_fionbio(&ring, true)?;
        Ok(Self {
            listen,
            ring: Some(ring),
        })
    }
}

impl Bell {
    fn listen(&self) -> &OwnedFd {
        &self.listen
    }

    fn ring(&self) {
        let ring = self.ring.as_ref().unwrap_or(&self.listen);
        // One that is full rings already.
        let _ = retry(|| rustix::io::write(ring, &1_u64.to_ne_bytes()));
    }

    fn heard(&self) {
        let mut bytes = [0_u8; 64];
        let _ = retry(|| rustix::io::read(&self.listen, &mut bytes));
    }
}

#[derive(Debug)]
pub(crate) struct Listener {
    /// Dropped first, so that the path is gone before the socket closes: a client is never refused by a path.
    _owner: Ownership,
    socket: OwnedFd,
    exhaustion: Exhaustion,
}

impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        let (owner, socket) = bind(name)?;
        Ok(Self {
            _owner: owner,
            socket,
            exhaustion: Exhaustion::default(),
        })
    }

    pub(crate) fn accept(&mut self, deadline: Option<Instant>) -> io::Result<Option<Stream>> {
        loop {
            if let Some(until) = self.exhaustion.pause() {
                let until = deadline.map_or(until, |deadline| until.min(deadline));
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
            } else {
                match accept(&self.socket) {
                    Ok(client) => {
                        self.exhaustion.end();
                        // A client of another user is closed here; one that is gone already is passed over.
                        let stream = peer::same_user(&client)
                            .and_then(|peer_pid| Stream::adopt(Channel::new(client), peer_pid));
                        if let Some(stream) = admitted(stream) {
                            return Ok(Some(stream));
                        }
                        continue;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let patience: Option<Timespec> = left(deadline);
                        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
                        match poll(&mut fds, patience.as_ref()) {
                            Ok(0) => return Ok(None),
                            Ok(_) | Err(Errno::INTR) => continue,
                            Err(error) => self.exhaustion.or_fail(error.into())?,
                        }
                    }
                    Err(error) => self.exhaustion.or_fail(error)?,
                }
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }
}

/// Reads from a pipe, and waits no longer than that.
pub(crate) fn read_until(
    pipe: &mut ChildStderr,
    buf: &mut [u8],
    until: Instant,
) -> io::Result<usize> {
    let mut fds = [PollFd::new(&*pipe, PollFlags::IN)];
    match poll(&mut fds, left(Some(until)).as_ref()) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        _ => pipe.read(buf),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a socket can wait in `recv` and not in `send`, call by call. Apple's kernel looks at the socket only when it
/// sends, so there the socket never waits, and a read is preceded by a `poll`.
const READS_WAIT: bool = !cfg!(target_vendor = "apple");

/// How long a thread waits in `recv` before it waits in `poll`.
const MOMENT: Duration = Duration::from_millis(20);
