//! The command line: one file a command, from arguments to calls, and nothing else.

mod bench;
mod cache;
mod compare;
mod eval;
mod export;
mod generate;
mod grade;
mod import;
mod lock;
mod new;
mod plan;
mod plugins;
mod power;
mod report;
mod run;
mod score;
mod show;
mod status;
mod submit;
mod unlock;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use picklock_message::{Error, Result, nearest};
use picklock_record::Roots;

/// The bench that finds out why a password-locked language model opens.
#[derive(Parser)]
#[command(name = "picklock", version)]
struct Cli {
    /// A folder with plugins/, hypotheses/ and organisms/ to look into first; may be repeated.
    #[arg(long = "plugins", value_name = "DIR", global = true)]
    roots: Vec<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::Plan),
    Power(power::Power),
    Report(report::Report),
    Show(show::Show),
    Compare(compare::Compare),
    Grade(grade::GradeFile),
    Status(status::StatusOf),
    Submit(submit::Submit),
    Cache(cache::CacheOf),
    Lock(lock::Lock),
    Unlock(unlock::Unlock),
    Eval(eval::Eval),
    Generate(generate::Generate),
    Score(score::Score),
    Bench(bench::Bench),
    Import(import::Import),
    Export(export::Export),
    New(new::New),
    Plugins(plugins::Plugins),
    /// Runs cohorts for a supervisor; not for people.
    #[command(hide = true)]
    Worker,
}

/// Parses the arguments and runs the command.
///
/// # Errors
/// The command's.
pub fn main() -> Result<ExitCode> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let roots = match cli.command {
        // A worker gets its plugins' paths from its supervisor; a grader needs none.
        Command::Worker | Command::Grade(_) => Roots::default(),
        // A report rebuilds from the journal alone, also where the plugins are gone.
        Command::Report(_) => Roots::discover(&cli.roots).unwrap_or_default(),
        _ => Roots::discover(&cli.roots)?,
    };
    match cli.command {
        Command::Run(run) => run.main(&roots),
        Command::Plan(plan) => plan.main(&roots),
        Command::Power(power) => power.main(&roots),
        Command::Report(report) => report.main(&roots),
        Command::Show(show) => show.main(),
        Command::Compare(compare) => compare.main(),
        Command::Grade(grade) => grade.main(),
        Command::Status(status) => status.main(&roots),
        Command::Submit(submit) => submit.main(&roots),
        Command::Cache(cache) => cache.main(),
        Command::Lock(lock) => lock.main(&roots),
        Command::Unlock(unlock) => unlock.main(&roots),
        Command::Eval(eval) => eval.main(&roots),
        Command::Generate(generate) => generate.main(&roots),
        Command::Score(score) => score.main(&roots),
        Command::Bench(bench) => bench.main(&roots),
        Command::Import(import) => import.main(),
        Command::Export(export) => export.main(&roots),
        Command::New(new) => new.main(&roots),
        Command::Plugins(plugins) => plugins.main(&roots),
        Command::Worker => picklock_run::worker_main(),
    }
    .map(ExitCode::from)
}

/// Help as clap writes it; a mistake as one line.
fn usage(error: &clap::Error) -> Result<ExitCode> {
    let code = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Some(0),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Some(2),
        _ => None,
    };
    if let Some(code) = code {
        // Where stdout is closed nobody reads it.
        let _ = error.print();
        return Ok(ExitCode::from(code));
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first
        .strip_prefix("error: ")
        .unwrap_or(first)
        .split_whitespace();
    let problem = words.collect::<Vec<_>>().join(" ");
    Err(Error::Usage(match suggestion(error) {
        Some(suggested) => format!("{problem}; did you mean `{suggested}`?"),
        None => format!("{problem}; see picklock --help"),
    }))
}

/// What a mistyped word most likely means: clap's suggestions go far, near ones count.
fn suggestion(error: &clap::Error) -> Option<String> {
    let pairs = [
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        (ContextKind::InvalidValue, ContextKind::SuggestedValue),
    ];
    pairs.into_iter().find_map(|(given, suggested)| {
        let words = |kind| match error.get(kind) {
            Some(ContextValue::String(word)) => vec![word.clone()],
            Some(ContextValue::Strings(words)) => words.clone(),
            _ => Vec::new(),
        };
        let (given, suggested) = (words(given).pop()?, words(suggested));
        nearest(&given, suggested.iter().map(String::as_str)).map(str::to_string)
    })
}
