//! Segments: the finished trials of one cohort.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::write_atomically;
use crate::error::{Error, Result};
use crate::lab::TrialRecord;
use crate::organism::Key;

/// The version of the segments' format.
const FORMAT: u32 = 1;

/// A file name's ending.
const ENDING: &str = ".json.zst";

/// The finished trials of one cohort, or of a part of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// The format's version.
    format: u32,
    /// The hypothesis.
    pub hypothesis: String,
    /// The arm.
    pub arm: String,
    /// The trials, by seed and draw.
    pub trials: Vec<Trial>,
}

/// A finished trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The hash of its recipe and of the plugin's version and code.
    pub id: Key,
    /// What it left behind.
    pub record: TrialRecord,
}

impl Segment {
    /// A segment of these trials.
    pub fn new(hypothesis: &str, arm: &str, trials: Vec<Trial>) -> Self {
        let (hypothesis, arm) = (hypothesis.to_string(), arm.to_string());
        Self {
            format: FORMAT,
            hypothesis,
            arm,
            trials,
        }
    }
}

/// Writes a segment into a run's journal folder.
///
/// # Errors
/// Where the folder can't be written, or the disk is full.
pub fn write(folder: &Path, segment: &Segment) -> Result<()> {
    let ids: Vec<&Key> = segment.trials.iter().map(|trial| &trial.id).collect();
    let name = format!(
        "{}.{}.{}{ENDING}",
        segment.hypothesis,
        segment.arm,
        Key::of(&ids).short()
    );
    let path = folder.join(name);
    let json =
        serde_json::to_vec(segment).map_err(|error| Error::file(&path, error.to_string()))?;
    let packed = zstd::encode_all(&*json, 3).map_err(Error::io(&path, "compress"))?;
    write_atomically(&path, &packed)
}

/// Reads every segment of a journal folder, by file name. What was being written when a run was
/// killed (hidden files) is passed over.
///
/// # Errors
/// Where a segment can't be read, is damaged, or has another format.
pub fn read_all(folder: &Path) -> Result<Vec<Segment>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(ENDING) && !name.starts_with('.')
    });
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Segment> {
    let advice = "move it away and run again to redo its trials";
    let damaged = |what: String| Error::file(path, format!("a damaged segment ({what}); {advice}"));
    let packed = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let json = zstd::decode_all(&*packed).map_err(|error| damaged(error.to_string()))?;
    let segment: Segment =
        serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
    if segment.format != FORMAT {
        let problem = format!("format {}, this picklock reads {FORMAT}", segment.format);
        return Err(Error::file(path, problem));
    }
    Ok(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Member, Outcome};

    fn segment(seed: u32) -> Segment {
        let record = TrialRecord::new(Member { seed, draw: 0 }, Outcome::Done);
        Segment::new(
            "core",
            "unlock",
            vec![Trial {
                id: Key::of(&seed),
                record,
            }],
        )
    }

    #[test]
    fn segments_come_back_and_halves_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &segment(1)).unwrap();
        write(folder.path(), &segment(2)).unwrap();
        write(folder.path(), &segment(2)).unwrap();
        std::fs::write(folder.path().join(".aside-x.json.zst"), "half").unwrap();
        let mut seeds: Vec<u32> = read_all(folder.path())
            .unwrap()
            .iter()
            .flat_map(|segment| segment.trials.iter().map(|trial| trial.record.member.seed))
            .collect();
        seeds.sort_unstable();
        assert_eq!(seeds, [1, 2]);
    }

    #[test]
    fn a_truncated_segment_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &segment(1)).unwrap();
        let path = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = read_all(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("core.unlock.") && error.contains("damaged segment"),
            "{error}"
        );
    }
}
