//! [`Tasks`]: an executor that polls a task only when it was woken.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Builder, Runtime};

/// Runs tasks on this thread, each only when it was woken: a lost wake-up is a dead end, and is reported as such.
pub(crate) struct Tasks {
    /// Only for the clock, which stands still.
    runtime: Runtime,
    tasks: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    names: Vec<String>,
    woken: Arc<Mutex<VecDeque<usize>>>,
    polls: usize,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            tasks: Vec::new(),
            names: Vec::new(),
            woken: Arc::default(),
            polls: 0,
        }
    }

    pub(crate) fn spawn(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = ()> + 'static,
    ) {
        self.woken.lock().unwrap().push_back(self.tasks.len());
        self.tasks.push(Some(Box::pin(task)));
        self.names.push(name.into());
    }

    /// Does something beside the tasks.
    pub(crate) fn enter<R>(&self, act: impl FnOnce() -> R) -> R {
        let _context = self.runtime.enter();
        act()
    }

    /// Polls until nobody is woken any more.
    pub(crate) fn run_until_idle(&mut self) {
        let _context = self.runtime.enter();
        loop {
            let Some(number) = self.woken.lock().unwrap().pop_front() else {
                return;
            };
            let Some(task) = &mut self.tasks[number] else {
                continue;
            };
            // A new waker each time: nobody may rely on an old one.
            let waker = Waker::from(Arc::new(Task {
                number,
                woken: Arc::clone(&self.woken),
            }));
            self.polls += 1;
            assert!(
                self.polls < 10_000_000,
                "the tasks wake each other and do nothing"
            );
            if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.tasks[number] = None;
            }
        }
    }

    /// The names of those that are not done.
    pub(crate) fn left(&self) -> Vec<&str> {
        let tasks = self.tasks.iter().zip(&self.names);
        tasks
            .filter(|(task, _)| task.is_some())
            .map(|(_, name)| name.as_str())
            .collect()
    }

    /// Polls until all are done.
    pub(crate) fn run(mut self) -> usize {
        self.run_until_idle();
        assert_eq!(self.left(), [""; 0], "nobody wakes these, and they wait");
        self.polls
    }
}

struct Task {
    number: usize,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap();
        if !woken.contains(&self.number) {
            woken.push_back(self.number);
        }
    }
}
