//! Counts the words of all files below a folder in several processes, any of which may die.
//!
//! ```sh
//! cargo run --release --example wordcount -- src
//! cargo run --release --example wordcount -- src --workers 8 --top 5 --kill-one
//! ```
//!
//! The parent hands out batches of files, two of them ahead to each worker, and adds up the answers.
//! When a worker dies, whatever the cause, what it had not answered is handed out again and a new
//! worker takes its place. The totals are exact all the same: a batch counts when its answer arrives,
//! and it arrives whole or not at all. Only a file that kills three workers is given up and reported.
//!
//! A word is the longest possible run of alphanumeric characters (as Unicode knows them), in lower
//! case. In files that are not UTF-8 the bytes that make no sense separate words. Symbolic links are
//! not followed. Files and folders that cannot be read are reported and skipped.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use std::{env, fs, thread};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use offspring::{Child, Command, Config, ErrorKind, Parent, Stdio};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// Counts the words of all files below a folder.
#[derive(Parser)]
struct Options {
    /// The folder with the files.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/src"))]
    folder: PathBuf,
    /// How many processes count; by default one for each processor.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// How many of the most frequent words are shown.
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Kill a worker when half of the work is handed out, to see that nothing is lost.
    #[arg(long)]
    kill_one: bool,
    /// Let every worker that meets a file of this name crash, to see it given up.
    #[arg(long, value_name = "FILE NAME")]
    crash_on: Option<OsString>,
}

/// What a worker found in one batch of files.
#[derive(Default, Serialize, Deserialize)]
struct Count {
    files: u64,
    bytes: u64,
    words: HashMap<String, u64>,
    unreadable: Vec<String>,
}

/// Sends batches of files, receives counts. File names need not be UTF-8, hence no `String`.
type Worker = Child<[OsString], Count>;

/// Both sides are this program, so large answers are no attack.
fn config() -> Config {
    Config::new().max_message(1 << 30).max_items(100_000_000)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    match Parent::attach_if_child_with(config())? {
        Some(parent) => work(parent).await,
        None => count_words().await,
    }
}

// ---- The worker ----

async fn work(mut parent: Parent<Count, Vec<OsString>>) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    while let Some(files) = parent.recv().await? {
        let mut count = Count::default();
        for file in files.iter().map(Path::new) {
            if file.file_name() == options.crash_on.as_deref() {
                panic!("crash on purpose");
            }
            match fs::read(file) {
                Ok(content) => count.add_file(&content),
                Err(error) => count
                    .unreadable
                    .push(format!("{}: {error}", file.display())),
            }
        }
        parent.send(&count).await?;
    }
    parent.close().await?;
    Ok(ExitCode::SUCCESS)
}

impl Count {
    fn add_file(&mut self, content: &[u8]) {
        self.files += 1;
        self.bytes += content.len() as u64;
        let text = String::from_utf8_lossy(content);
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            if !word.is_empty() {
                *self.words.entry(word.to_lowercase()).or_default() += 1;
            }
        }
    }
}

// ---- The parent ----

/// Files that are counted together: one message there, one message back.
struct Job {
    files: Vec<OsString>,
    /// How many workers died over it.
    deaths: u32,
}

/// What is to be done and what is known so far.
struct Work {
    queue: VecDeque<Job>,
    total: Count,
    given_up: Vec<PathBuf>,
    restarts: u32,
    /// Kill a worker when so few jobs are left.
    kill_at: Option<usize>,
    bar: ProgressBar,
}

async fn count_words() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let workers = match options.workers {
        Some(workers) => workers.into(),
        None => thread::available_parallelism().map_or(1, usize::from),
    };

    if let Err(error) = fs::read_dir(&options.folder) {
        eprintln!("cannot read {}: {error}", options.folder.display());
        return Ok(ExitCode::FAILURE);
    }

    let start = Instant::now();
    let mut total = Count::default();
    let files = find_files(&options.folder, &mut total.unreadable);
    let found = files.len();
    // Large batches cost less; but each worker should get many, so that all end at the same time.
    let batch = (found / (workers * 16)).clamp(1, 500);
    let queue: VecDeque<Job> = files
        .chunks(batch)
        .map(|files| Job {
            files: files.to_vec(),
            deaths: 0,
        })
        .collect();
    let workers = workers.min(queue.len());
    let work = Arc::new(Mutex::new(Work {
        total,
        given_up: Vec::new(),
        restarts: 0,
        kill_at: options.kill_one.then_some(queue.len() / 2),
        queue,
        // On standard error, and only if that is a terminal.
        bar: ProgressBar::new(found as u64).with_style(ProgressStyle::with_template(
            "{wide_bar} {human_pos} of {human_len} files",
        )?),
    }));

    let mut supervisors = JoinSet::new();
    for _ in 0..workers {
        supervisors.spawn(supervise(Arc::clone(&work)));
    }
    while let Some(ended) = supervisors.join_next().await {
        ended??;
    }

    let mut work = lock(&work);
    work.bar.finish_and_clear();
    work.report(start.elapsed().as_secs_f64(), options.top);
    Ok(if work.given_up.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Keeps one worker busy until no job is left, and replaces it when it dies.
async fn supervise(work: Arc<Mutex<Work>>) -> offspring::Result<()> {
    let mut worker = start_worker().await?;
    let mut handed_out = VecDeque::new();
    loop {
        // A job ahead, so that the worker need not wait for the next one.
        while handed_out.len() < 2 {
            let Some(job) = lock(&work).queue.pop_front() else {
                break;
            };
            match worker.send(&job.files).await {
                // If it has died, `recv` says so too, after what it answered before.
                Err(error) if error.kind() != ErrorKind::Disconnected => return Err(error),
                _ => handed_out.push_back(job),
            }
            if lock(&work).is_time_to_kill() {
                worker.kill().await?;
            }
        }
        if handed_out.is_empty() {
            worker.wait().await?;
            return Ok(());
        }
        // A worker answers in the order in which it was asked.
        match worker.recv().await {
            Ok(Some(count)) => {
                if let Some(job) = handed_out.pop_front() {
                    lock(&work).add(&job, count);
                }
            }
            broken => {
                // Dead, or as good as: it does not answer as a worker does.
                let status = worker.kill().await?;
                let reason =
                    broken.map_or_else(|error| error.to_string(), |_| "it left".to_owned());
                let line = format!("worker {} ended with {status}: {reason}", worker.id());
                lock(&work).bar.suspend(|| eprintln!("{line}"));
                lock(&work).take_back(std::mem::take(&mut handed_out));
                worker = start_worker().await?;
            }
        }
    }
}

/// Starts a worker that is known to work, so that a program which cannot is not started for ever.
async fn start_worker() -> offspring::Result<Worker> {
    let mut attempt = 1;
    loop {
        let mut worker: Worker = Command::current_exe()?
            .args(env::args_os().skip(1))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .config(config())
            .spawn()?;
        match worker.ready().await {
            Ok(()) => return Ok(worker),
            Err(error) if attempt == 3 => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

impl Work {
    fn is_time_to_kill(&mut self) -> bool {
        let queued = self.queue.len();
        self.kill_at.take_if(|at| queued <= *at).is_some()
    }

    fn add(&mut self, job: &Job, count: Count) {
        self.bar.inc(job.files.len() as u64);
        self.total.files += count.files;
        self.total.bytes += count.bytes;
        self.total.unreadable.extend(count.unreadable);
        for (word, times) in count.words {
            *self.total.words.entry(word).or_default() += times;
        }
    }

    /// Takes back what a worker left unanswered when it died.
    fn take_back(&mut self, mut jobs: VecDeque<Job>) {
        self.restarts += 1;
        // It died over the first one, if over any. One of these files may be the reason, so from now
        // on each goes alone.
        if let Some(Job { files, deaths }) = jobs.pop_front() {
            let deaths = deaths + 1;
            if files.len() == 1 && deaths == 3 {
                self.bar.inc(1);
                self.given_up.extend(files.into_iter().map(PathBuf::from));
            } else {
                jobs.extend(files.into_iter().map(|file| Job {
                    files: vec![file],
                    deaths,
                }));
            }
        }
        self.queue.extend(jobs);
    }

    fn report(&mut self, seconds: f64, top: usize) {
        self.total.unreadable.sort();
        for file in &self.total.unreadable {
            eprintln!("skipped {file}");
        }
        self.given_up.sort();
        for file in &self.given_up {
            eprintln!("given up, three workers died over it: {}", file.display());
        }

        let Count {
            files,
            bytes,
            words,
            unreadable,
        } = &self.total;
        println!("files: {files}");
        println!("words: {}", words.values().sum::<u64>());
        println!("distinct words: {}", words.len());
        println!("skipped: {}", unreadable.len());
        println!("given up: {}", self.given_up.len());
        println!("restarts: {}", self.restarts);
        let (file_rate, byte_rate) = (*files as f64 / seconds, *bytes as f64 / 1e6 / seconds);
        println!("time: {seconds:.2} s, {file_rate:.0} files/s, {byte_rate:.1} MB/s");

        let mut words: Vec<_> = words.iter().collect();
        words.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        println!();
        for (word, times) in words.iter().take(top) {
            println!("{times:>10} {word}");
        }
    }
}

/// Finds all files below a folder, in no particular order.
fn find_files(folder: &Path, unreadable: &mut Vec<String>) -> Vec<OsString> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        if let Err(error) = list(&folder, &mut files, &mut folders) {
            unreadable.push(format!("{}: {error}", folder.display()));
        }
    }
    files
}

fn list(
    folder: &Path,
    files: &mut Vec<OsString>,
    folders: &mut Vec<PathBuf>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => folders.push(entry.path()),
            kind if kind.is_file() => files.push(entry.path().into()),
            _ => {} // a link, or something else that may have no end
        }
    }
    Ok(())
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().expect("nobody panics with the lock")
}
