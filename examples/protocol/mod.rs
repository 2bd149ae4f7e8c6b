//! What `daemon` and `client` must agree on. In a real project, a module of the library that both use.

use offspring::Config;
use serde::{Deserialize, Serialize};

/// The name that both meet by, unless the user chooses another one.
pub(crate) const NAME: &str = "offspring-example-store";

/// Raise the version when messages change their meaning: a client and a daemon that do not fit then
/// say so, instead of misunderstanding each other.
pub(crate) fn config() -> Config {
    Config::new().protocol("offspring-example-store", 1)
}

/// What the daemon can be asked.
// `client` takes exactly these as its subcommands, and shows these comments as their help.
#[derive(Debug, Serialize, Deserialize, clap::Subcommand)]
pub(crate) enum Request {
    /// Shows the value of a key.
    Get { key: String },
    /// Gives a key a value.
    Set { key: String, value: String },
    /// Shows all keys.
    Keys,
    /// Ends the daemon.
    Stop,
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Value(Option<String>),
    Keys(Vec<String>),
    Done,
}
