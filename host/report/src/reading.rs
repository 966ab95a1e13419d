//! Reading a run's folder: what can be read is, and the rest is named.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use picklock_files::Key;
use picklock_message::{Error, Result, nearest};
use picklock_record::{
    ArmRef, GradedTrial, Manifest, Member, Registration, RunHypothesis, Segment, journal,
};

use crate::evidence::{Evidence, Kept};

impl Evidence {
    /// Reads a run's folder. Trials that its plan no longer holds (of an older plugin, say) are
    /// passed over; of duplicate trials the first counts; of a damaged segment the others are
    /// read. `notes` says so.
    ///
    /// # Errors
    /// Where the manifest or the journal's folder can't be read, or there is no trial at all.
    pub fn read(run: &Path) -> Result<Self> {
        let manifest = Manifest::read(run)?;
        let folder = run.join("journal");
        let paths = journal::segments(&folder)?;
        let mut reader = Reader {
            wanted: wanted(&manifest),
            ..Reader::default()
        };
        for (path, segment) in paths.iter().zip(read_all(&paths)) {
            match segment {
                Ok(segment) => reader.take(path, segment),
                Err(problem) => reader.notes.push(format!(
                    "{problem}; its trials are left out, and picklock run makes them anew"
                )),
            }
        }
        let mut evidence = reader.evidence(manifest);
        evidence.read_registrations(run);
        if evidence.trials.is_empty() {
            let mut problem = "holds no finished trial of this run".to_string();
            for note in &evidence.notes {
                problem = problem + "; " + note;
            }
            problem += "; the same picklock run goes on where it stopped";
            return Err(Error::file(&folder, problem));
        }
        evidence.note_missing();
        evidence.note_unknown_arms();
        Ok(evidence)
    }
}

/// Each trial of the plan, by its id.
fn wanted(manifest: &Manifest) -> HashMap<Key, (ArmRef, Member)> {
    let mut wanted = HashMap::new();
    for hypothesis in &manifest.hypotheses {
        for arm in &hypothesis.arms {
            for member in manifest.members() {
                let id = manifest.trial_id(hypothesis, arm, member);
                wanted.insert(id, (ArmRef::of(&hypothesis.name, arm.name()), member));
            }
        }
    }
    wanted
}

/// Reads segments side by side, in their order; of one that can't be used, why.
fn read_all(paths: &[PathBuf]) -> Vec<std::result::Result<Segment<GradedTrial>, String>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |path: &PathBuf| match journal::read::<GradedTrial>(path) {
        Ok(Ok(segment)) => match segment.trials.iter().find_map(|t| t.record.nonsense()) {
            None => Ok(segment),
            Some(what) => Err(format!("{}: a damaged segment ({what})", path.display())),
        },
        Ok(Err(damaged)) => Err(damaged.to_string()),
        Err(error) => Err(error.to_string()),
    };
    std::thread::scope(|scope| {
        let chunks = paths.chunks(paths.len().div_ceil(threads).max(1));
        let readers: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().map(read).collect::<Vec<_>>()))
            .collect();
        let joined = readers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|read| read.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Sorts segments into the plan.
#[derive(Default)]
struct Reader {
    wanted: HashMap<Key, (ArmRef, Member)>,
    trials: BTreeMap<ArmRef, BTreeMap<Member, Kept>>,
    /// Segments with trials that the plan doesn't hold, and how many.
    foreign: Vec<(String, usize)>,
    /// Segments with duplicate trials, and how many.
    duplicate: Vec<(String, usize)>,
    notes: Vec<String>,
}

impl Reader {
    fn take(&mut self, path: &Path, segment: Segment<GradedTrial>) {
        let name = path.file_name().unwrap_or_default().display().to_string();
        let (mut foreign, mut duplicate) = (0, 0);
        for trial in segment.trials {
            let Some((arm, member)) = self.wanted.get(&trial.id) else {
                foreign += 1;
                continue;
            };
            for metric in trial.record.metrics.iter().filter(|m| m.value.is_none()) {
                self.notes.push(format!(
                    "journal/{name}: {arm} seed {} draw {}: metric {} is no finite number; left empty",
                    member.seed, member.draw, metric.name
                ));
            }
            let known = self.trials.entry(arm.clone()).or_default();
            if known.contains_key(member) {
                duplicate += 1;
                continue;
            }
            let (segment, trial) = (path.to_path_buf(), trial.record);
            known.insert(*member, Kept { trial, segment });
        }
        for (count, list) in [
            (foreign, &mut self.foreign),
            (duplicate, &mut self.duplicate),
        ] {
            if count > 0 {
                list.push((name.clone(), count));
            }
        }
    }

    fn evidence(mut self, manifest: Manifest) -> Evidence {
        let foreign = "that this run's plan doesn't hold (of another run, or of an older plugin); passed over";
        let duplicate = "that are there already; the first, by file name, counts";
        for (list, what) in [(&self.foreign, foreign), (&self.duplicate, duplicate)] {
            if let Some((name, _)) = list.first() {
                let trials: usize = list.iter().map(|(_, count)| count).sum();
                let more = match list.len() {
                    1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                let note = format!("journal/{name}{more}: {trials} trial(s) {what}");
                self.notes.push(note);
            }
        }
        Evidence {
            manifest,
            registrations: Vec::new(),
            altered: Vec::new(),
            trials: self.trials,
            notes: self.notes,
        }
    }
}

impl Evidence {
    /// Reads the copies of the pre-registrations.
    fn read_registrations(&mut self, run: &Path) {
        for hypothesis in &self.manifest.hypotheses {
            let name = format!("hypotheses/{}.toml", hypothesis.name);
            let registration = match Registration::read(&run.join(&name)) {
                Ok(registration) => registration,
                Err(error) => {
                    let note = format!("{error}; {} is not judged", hypothesis.name);
                    self.notes.push(note);
                    continue;
                }
            };
            if registration.hash.as_ref() != Some(&hypothesis.registration) {
                self.notes.push(format!(
                    "{name}: not what was registered (SHA-256 {}, expected {}); judged by it as it is now, as exploratory",
                    registration.hash.as_ref().map_or("none", Key::short),
                    hypothesis.registration.short()
                ));
                self.altered.push(hypothesis.name.clone());
            }
            self.registrations.push(registration);
        }
    }

    /// Names the arms whose trials aren't all there.
    fn note_missing(&mut self) {
        let (planned, arms) = (self.manifest.members().len(), self.arms());
        let (mut trials, mut incomplete) = (0, Vec::new());
        for arm in &arms {
            let missing = planned.saturating_sub(self.trials(arm).count());
            if missing > 0 {
                trials += missing;
                incomplete.push(arm.to_string());
            }
        }
        if trials > 0 {
            self.notes.push(format!(
                "journal: {trials} of {} trials are missing, of {}; the same picklock run makes them",
                planned * arms.len(),
                incomplete.join(", ")
            ));
        }
    }

    /// Names the plugins that were refused, the arms that were left out, and those that predictions
    /// speak of and that the run hasn't got.
    fn note_unknown_arms(&mut self) {
        let known: Vec<String> = self.arms().iter().map(ToString::to_string).collect();
        let hypotheses = || self.manifest.hypotheses.iter();
        let refused = hypotheses().filter_map(|run| run.refused.as_ref());
        let mut notes: Vec<String> = refused.map(|reason| format!("refused: {reason}")).collect();
        let left_out = hypotheses().flat_map(RunHypothesis::left_out_lines);
        notes.extend(left_out.map(|line| format!("left out: {line}")));
        for registration in self.judged() {
            for prediction in &registration.predictions {
                let Some(arm) = self.unknown_arm(registration, prediction) else {
                    continue;
                };
                let home = arm.hypothesis.as_deref().unwrap_or_default();
                let run = self.manifest.hypothesis(home);
                let refused = run.is_some_and(|run| run.refused.is_some());
                if refused || self.manifest.unsupported(&arm).is_some() {
                    continue;
                }
                let hint = nearest(&arm.to_string(), known.iter().map(String::as_str))
                    .map(|nearest| format!("; did you mean {nearest}?"))
                    .unwrap_or_default();
                notes.push(format!(
                    "hypotheses/{}.toml: prediction {} names the arm {arm}, which this run hasn't got{hint}",
                    registration.name, prediction.name
                ));
            }
        }
        self.notes.extend(notes);
    }
}
