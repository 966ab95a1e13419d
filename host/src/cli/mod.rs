//! The command line: one file a command, from arguments to calls, and nothing else.

mod accuracy;
mod ask;
mod bench;
mod cache;
mod compare;
mod eval;
mod experiment;
mod export;
mod generate;
mod grade;
mod import;
mod lock;
mod model;
mod new;
mod number;
mod plan;
mod plugins;
mod power;
mod report;
mod run;
mod score;
mod seed;
mod show;
mod status;
mod storage;
mod subject;
mod submit;
mod table;
mod unlock;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use picklock_message::{Error, Exit, Result, nearest};
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
        // A worker is told where its plugins lie; a grader needs none.
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
        Command::Worker => picklock_run::worker_main().map(|exit| exit == Exit::SomeFailed),
    }
    .map(|failed: bool| ExitCode::from(u8::from(failed)))
}

/// Help as clap writes it; a mistake as one line.
fn usage(error: &clap::Error) -> Result<ExitCode> {
    let help = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
    if help.contains(&error.kind())
        || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        // Where stdout is closed there is nobody to tell.
        let _ = error.print();
        let code = if help.contains(&error.kind()) { 0 } else { 2 };
        return Ok(ExitCode::from(code));
    }
    let text = error.to_string();
    let problem = text.split("\n\n").next().unwrap_or_default();
    let problem = problem.strip_prefix("error: ").unwrap_or(problem);
    let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
    let suggested = suggestion(error);
    Err(Error::Usage(match suggested {
        Some(suggested) => format!("{problem}; did you mean `{suggested}`?"),
        None => format!("{problem}; see picklock --help"),
    }))
}

/// What a mistyped word most likely means: clap's suggestions go far, near ones count.
fn suggestion(error: &clap::Error) -> Option<String> {
    use ContextKind as Kind;
    let pairs = [
        (Kind::InvalidArg, Kind::SuggestedArg),
        (Kind::InvalidSubcommand, Kind::SuggestedSubcommand),
        (Kind::InvalidValue, Kind::SuggestedValue),
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
