//! What both types of the name `Command` can be told, in one text: [`builder!`](builder).

/// Writes the methods that describe a child, for a tuple struct `Command` around a [`Recipe`](super::Recipe).
///
/// A shared type behind `Deref`, or a generic one with two names, would show the users of both another page than that of
/// the command they have. `$module` is where they find it: the examples say so.
macro_rules! builder {
    ($module:literal) => {
        impl Command {
            /// Starts the program that is found as `program`: a path, or a name to look up in `PATH`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let command = Command::new("./worker");
            /// # let _ = command;
            /// ```
            pub fn new(program: impl AsRef<std::ffi::OsStr>) -> Self {
                Self::from(std::process::Command::new(program))
            }

            /// Starts the program that is running now, once more.
            ///
            /// Whatever stands before the call of [`Parent::attach`](super::Parent::attach) runs in the child too, so call that
            /// first thing in `main`.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Spawn`](crate::ErrorKind::Spawn) if the system does not tell which program this is.
            ///
            /// # Platform notes
            ///
            /// On Linux this is the same build even if the file was replaced or removed in the meantime, as by an update; the
            /// child then goes by the name `exe` in lists of processes. On macOS it is what is in place of the file by then.
            ///
            /// # Examples
            ///
            /// See [`Command`].
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let command = Command::current_exe()?;
            /// # let _ = command;
            /// # Ok::<(), offspring::Error>(())
            /// ```
            pub fn current_exe() -> $crate::Result<Self> {
                $crate::life::Recipe::current_exe().map(Self)
            }

            /// Adds an argument.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.arg("--verbose");
            /// ```
            pub fn arg(&mut self, arg: impl AsRef<std::ffi::OsStr>) -> &mut Self {
                self.0.command.arg(arg);
                self
            }

            /// Adds several arguments.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.args(["--threads", "2"]);
            /// ```
            pub fn args(
                &mut self,
                args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
            ) -> &mut Self {
                self.0.command.args(args);
                self
            }

            /// Sets an environment variable of the child.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.env("LANG", "C");
            /// ```
            pub fn env(
                &mut self,
                key: impl AsRef<std::ffi::OsStr>,
                value: impl AsRef<std::ffi::OsStr>,
            ) -> &mut Self {
                self.0.command.env(key, value);
                self
            }

            /// Sets several environment variables of the child.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.envs([("LANG", "C"), ("TZ", "UTC")]);
            /// ```
            pub fn envs<K: AsRef<std::ffi::OsStr>, V: AsRef<std::ffi::OsStr>>(
                &mut self,
                vars: impl IntoIterator<Item = (K, V)>,
            ) -> &mut Self {
                self.0.command.envs(vars);
                self
            }

            /// Hides an environment variable from the child.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.env_remove("AWS_SECRET_ACCESS_KEY");
            /// ```
            pub fn env_remove(&mut self, key: impl AsRef<std::ffi::OsStr>) -> &mut Self {
                self.0.command.env_remove(key);
                self
            }

            /// Hides all environment variables of this process from the child.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.env_clear().env("PATH", "/usr/bin");
            /// ```
            pub fn env_clear(&mut self) -> &mut Self {
                self.0.env_clear();
                self
            }

            /// Sets the folder that the child starts in.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.current_dir("/");
            /// ```
            pub fn current_dir(&mut self, dir: impl AsRef<std::path::Path>) -> &mut Self {
                self.0.command.current_dir(dir);
                self
            }

            /// Sets the child's standard input. Default: that of this process.
            ///
            /// Takes our own [`Stdio`](crate::Stdio), for what is in one of std's cannot be read back.
            ///
            /// # Examples
            ///
            /// ```
            /// use offspring::Stdio;
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.stdin(Stdio::null());
            /// ```
            pub fn stdin(&mut self, stdin: impl Into<$crate::life::Stdio>) -> &mut Self {
                self.0.stdin = stdin.into();
                self
            }

            /// Sets the child's standard output. Default: that of this process.
            ///
            /// # Examples
            ///
            /// ```
            /// use offspring::Stdio;
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.stdout(Stdio::piped());
            /// ```
            pub fn stdout(
                &mut self,
                stdout: impl Into<std::process::Stdio> + 'static,
            ) -> &mut Self {
                self.0.stdout(stdout);
                self
            }

            /// Sets the child's standard error. Default: that of this process.
            ///
            /// If it is [piped](crate::Stdio::piped), what a child writes there before it fails to start is part of the error of
            /// [`Child::ready`](super::Child::ready).
            ///
            /// # Examples
            ///
            /// ```
            /// use offspring::Stdio;
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.stderr(Stdio::piped());
            /// ```
            pub fn stderr(
                &mut self,
                stderr: impl Into<std::process::Stdio> + 'static,
            ) -> &mut Self {
                self.0.stderr(stderr);
                self
            }

            /// Ends the child at once when its [`Child`](super::Child) is dropped. Default: no; the child then learns that the connection
            /// has ended, and may finish its work.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.kill_on_drop(true);
            /// ```
            pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
                self.0.kill_on_drop = kill;
                self
            }

            /// Ends all descendants of the child together with it, in [`Child::kill`](super::Child::kill), [`Child::stop`](super::Child::stop), and on drop if
            /// [`kill_on_drop`](Self::kill_on_drop) was set. Default: no.
            ///
            /// # Platform notes
            ///
            /// The child leads a process group of its own on Unix, so Ctrl-C in a terminal does not reach it; a descendant that
            /// leaves the group escapes. On Windows it is a job object, and flags that were set on a
            /// [`std::process::Command`] by `creation_flags` are overwritten.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.kill_tree(true);
            /// ```
            pub fn kill_tree(&mut self, tree: bool) -> &mut Self {
                self.0.kill_tree = tree;
                self
            }

            /// Lets the child go on when this process dies. Default: no, see [`orphan_grace`](Self::orphan_grace).
            ///
            /// The child's `recv` fails in either case.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./daemon");
            /// command.outlive_parent(true);
            /// ```
            pub fn outlive_parent(&mut self, outlive: bool) -> &mut Self {
                self.0.outlive_parent(outlive);
                self
            }

            /// How long the child may go on after this process has died, by whatever cause. Default: 2 seconds.
            ///
            /// A child that receives learns of it at once and can finish by itself; one that is busy, or hangs, is ended after
            /// this time.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ", $module, "::Command;")]
            /// use std::time::Duration;
            /// let mut command = Command::new("./worker");
            /// command.orphan_grace(Duration::from_secs(10));
            /// ```
            pub fn orphan_grace(&mut self, grace: std::time::Duration) -> &mut Self {
                self.0.orphan_grace = Some(grace);
                self
            }

            /// Sets limits and deadlines of the connection.
            ///
            /// # Examples
            ///
            /// ```
            /// use offspring::Config;
            #[doc = concat!("use ", $module, "::Command;")]
            /// let mut command = Command::new("./worker");
            /// command.config(Config::new().protocol("my-app worker", 1));
            /// ```
            pub fn config(&mut self, config: $crate::Config) -> &mut Self {
                self.0.config = config;
                self
            }
        }

        impl From<std::process::Command> for Command {
            /// Takes over a std command, except for its standard input, which cannot be read back: set it again.
            fn from(command: std::process::Command) -> Self {
                Self($crate::life::Recipe::from(command))
            }
        }
    };
}

pub(crate) use builder;
