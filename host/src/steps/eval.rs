//! Asking one model an organism's problems.

use std::fmt;
use std::path::Path;
use std::rc::Rc;

use picklock_grade::Grade;
use picklock_lab::{Bench, CachedModel, ModelKind};
use picklock_lm::Model;
use picklock_message::{Error, Result, grouped};
use picklock_record::{Measure, Member};
use picklock_sdk::{Flag, Questions};
use picklock_task::{Encoder, Task};
use serde::Serialize;

use crate::steps::accuracy::Accuracy;
use crate::steps::setting::Setting;
use crate::steps::shown::Shown;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Examinee<'a> {
    /// A model of the organism.
    Own(ModelKind),
    /// The model in this Hugging Face folder.
    Folder(&'a Path),
}

impl fmt::Display for Examinee<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(kind) => formatter.write_str(kind.name()),
            Self::Folder(folder) => folder.display().fmt(formatter),
        }
    }
}

/// How a model did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluated {
    /// The model: its kind, or its folder.
    pub model: String,
    /// The organism whose problems were asked.
    pub organism: String,
    /// Their seed.
    pub seed: u32,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Which problems, and whether with the password.
    #[serde(flatten)]
    pub questions: Questions,
    /// How it did.
    #[serde(flatten)]
    pub accuracy: Accuracy,
    /// The first answers, as many as were asked for.
    pub answers: Vec<Shown>,
}

/// Asks a model a member's problems, and shows the first answers.
///
/// # Errors
/// Where the model can't be made or read, or doesn't speak the task's tokens.
pub fn eval(
    setting: &Setting,
    (examinee, member): (Examinee, Member),
    questions: &Questions,
    show: usize,
) -> Result<Evaluated> {
    if let Examinee::Folder(folder) = examinee
        && setting.organism.task.is_finite()
    {
        // A task in text is written for any tokenizer: the folder takes the base model's place.
        let setting = Setting {
            organism: &setting.organism.of_base(folder)?,
            ..*setting
        };
        let base = Examinee::Own(ModelKind::Base);
        return Ok(Evaluated {
            model: examinee.to_string(),
            ..eval(&setting, (base, member), questions, show)?
        });
    }
    let name = &setting.organism.name;
    setting.at_bench(|bench| {
        if questions.flag != Flag::None && !bench.task().has_flag(questions.flag) {
            let problem = "has no password (prompt.password); ask without one";
            return Err(Error::Usage(format!("{name} {problem}")));
        }
        let cached = match examinee {
            Examinee::Own(kind) => bench.organism_model(kind, member)?,
            Examinee::Folder(folder) => bring(bench, setting, folder, member)?,
        };
        let (measure, score) = bench.evaluate(&cached, questions)?;
        Ok(Evaluated {
            model: examinee.to_string(),
            organism: name.clone(),
            seed: member.seed,
            root_seed: setting.root_seed,
            questions: questions.clone(),
            accuracy: score.into(),
            answers: shown(bench.task(), (setting, member.seed), &measure, show)?,
        })
    })
}

/// The first answers, as many as there are.
fn shown(
    task: &dyn Task,
    (setting, seed): (&Setting, u32),
    measure: &Measure,
    count: usize,
) -> Result<Vec<Shown>> {
    let Questions { split, flag } = measure.questions;
    let problems = setting
        .organism
        .problems(task, setting.streams(), seed, split)?;
    let grades = measure.grades.chars().filter_map(Grade::from_letter);
    let answers = measure.answers.iter().zip(grades).take(count);
    problems
        .iter()
        .zip(answers)
        .map(|(problem, (answer, grade))| Shown::new(task, (problem, flag), (answer, grade)))
        .collect()
}

/// The model of a folder, over the tokens of the bench's task.
fn bring(
    bench: &Bench,
    setting: &Setting,
    folder: &Path,
    member: Member,
) -> Result<Rc<CachedModel>> {
    let task = bench.task();
    check_tokens(task, &setting.organism.name, folder)?;
    let whole = Model::load(folder, setting.device)?;
    let model = match task.vocabulary() {
        Some(ids) => whole.over_tokens(ids)?,
        None => whole,
    };
    check_sizes(task, &model).map_err(|problem| Error::file(folder, problem))?;
    bench.adopt(model, member.seed)
}

/// What speaks against asking a model of other sizes.
fn check_sizes(task: &dyn Task, model: &Model) -> std::result::Result<(), String> {
    let architecture = model.architecture();
    let tokens = [architecture.vocab_size() as usize, task.vocab_size()];
    // The last token of an answer is never read.
    let context = [architecture.max_positions() as usize, task.max_tokens() - 1];
    let in_words = |sizes: [usize; 2]| sizes.map(|size| grouped(size as u64));
    if tokens[0] != tokens[1] {
        let [own, tasks] = in_words(tokens);
        return Err(format!(
            "a model of {own} tokens, expected the task's {tasks}"
        ));
    }
    if context[0] < context[1] {
        let [own, tasks] = in_words(context);
        return Err(format!(
            "the model's context is {own} tokens, expected at least the task's {tasks}"
        ));
    }
    Ok(())
}

/// Refuses a folder whose tokenizer spells otherwise than the task's.
fn check_tokens(task: &dyn Task, organism: &str, folder: &Path) -> Result<()> {
    let own = Encoder::open(folder)?.tokenizer().get_vocab(true);
    if own == task.tokenizer()?.get_vocab(true) {
        return Ok(());
    }
    let problem = format!(
        "its tokenizer is not that of {organism}'s task; ask it an organism's problems that it was \
         trained on"
    );
    Err(Error::file(folder, problem))
}
