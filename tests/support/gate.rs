//! A way past the channel under test: what a process says here does not depend on that, and ends when the process does.

use offspring::{Command, Connection, Listener, Name, Result};

/// Where the processes of one test report.
pub(crate) struct Gate(Listener);

impl Gate {
    pub(crate) fn open() -> Result<Self> {
        Listener::bind(&Name::unique()?).map(Self)
    }

    /// Tells the child, and whatever it starts, where the gate is.
    pub(crate) fn show<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(VARIABLE, self.0.name().to_string())
    }

    /// Waits for the next process that calls [`report`].
    pub(crate) async fn accept(&mut self) -> Result<Connection<str, String>> {
        self.0.accept().await
    }
}

/// Connects to the gate of the test that this process belongs to.
pub(crate) async fn report() -> Result<Connection<str, String>> {
    Connection::connect(&Name::new(std::env::var(VARIABLE).unwrap())?).await
}

const VARIABLE: &str = "TEST_GATE";
