//! Segments: the finished trials of one cohort.

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use picklock_files::{Key, write_atomically};
use picklock_message::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::trial::TrialRecord;

/// The version of the segments' format.
const FORMAT: u32 = 1;

/// The most that a segment may unpack to, in bytes; some hundred times what large runs write.
const LARGEST: u64 = 1 << 32;

/// How far back what returns is found, in powers of two of bytes.
const WINDOW_LOG: u32 = 24;

/// A file name's ending.
const ENDING: &str = ".json.zst";

/// The finished trials of one cohort, or of a part of it; read with as much of each trial as the
/// reader needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment<R = TrialRecord> {
    /// The format's version.
    format: u32,
    /// The hypothesis.
    pub hypothesis: String,
    /// The arm.
    pub arm: String,
    /// The trials, by seed and draw.
    pub trials: Vec<Trial<R>>,
    /// How they were run otherwise than planned: in narrower stacks, say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A finished trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial<R = TrialRecord> {
    /// The hash of its recipe and of the plugin's version and code.
    pub id: Key,
    /// What it left behind.
    pub record: R,
}

/// A segment whose bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Damaged {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(
            out,
            "{}: a damaged segment ({})",
            self.path.display(),
            picklock_message::printable(&self.what)
        )
    }
}

impl Segment {
    /// A segment of these trials.
    pub fn new(hypothesis: &str, arm: &str, trials: Vec<Trial>) -> Self {
        Self {
            format: FORMAT,
            hypothesis: hypothesis.to_string(),
            arm: arm.to_string(),
            trials,
            notes: Vec::new(),
        }
    }

    /// The same with notes.
    #[must_use]
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

/// Writes a segment into a run's journal folder. The same trials give the same file, whoever writes
/// it.
///
/// # Errors
/// Where the folder can't be written, or the disk is full.
pub fn write(folder: &Path, segment: &Segment) -> Result<()> {
    let ids: Vec<&Key> = segment.trials.iter().map(|trial| &trial.id).collect();
    let path = place(folder, &segment.hypothesis, &segment.arm, &ids);
    let json =
        serde_json::to_vec(segment).map_err(|error| Error::file(&path, error.to_string()))?;
    let packed = pack(&json).map_err(Error::io(&path, "compress"))?;
    write_atomically(&path, &packed)
}

/// Compresses a segment: answers to the same problems return a few megabytes later, arm by arm and
/// copy by copy, which makes it a sixth.
fn pack(json: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(WINDOW_LOG)?;
    // So that small segments take no more memory than they have bytes.
    encoder.set_pledged_src_size(Some(json.len() as u64))?;
    encoder.write_all(json)?;
    encoder.finish()
}

/// Whether the segment of exactly these trials is there.
pub fn holds(folder: &Path, hypothesis: &str, arm: &str, ids: &[&Key]) -> bool {
    place(folder, hypothesis, arm, ids).exists()
}

/// Where the segment of these trials lies.
fn place(folder: &Path, hypothesis: &str, arm: &str, ids: &[&Key]) -> PathBuf {
    folder.join(format!(
        "{hypothesis}.{arm}.{}{ENDING}",
        Key::of(&ids).short()
    ))
}

/// Every segment file of a journal folder, by name. What was being written when a run was killed
/// (hidden files) is passed over.
///
/// # Errors
/// Where the folder can't be read.
pub fn segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(ENDING) && !name.starts_with('.')
    });
    paths.sort();
    Ok(paths)
}

/// Reads a segment, or says how it is damaged.
///
/// # Errors
/// Where the file can't be read, or has another format.
pub fn read<R: DeserializeOwned>(path: &Path) -> Result<std::result::Result<Segment<R>, Damaged>> {
    let packed = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let unpacked = unpack(&packed, LARGEST).map_err(|error| error.to_string());
    let parsed =
        unpacked.and_then(|json| serde_json::from_slice(&json).map_err(|error| error.to_string()));
    let segment: Segment<R> = match parsed {
        Ok(segment) => segment,
        Err(what) => {
            let path = path.to_path_buf();
            return Ok(Err(Damaged { path, what }));
        }
    };
    if segment.format != FORMAT {
        let problem = format!("format {}, this picklock reads {FORMAT}", segment.format);
        return Err(Error::file(path, problem));
    }
    Ok(Ok(segment))
}

/// Undoes the compression of what holds at most so many bytes.
fn unpack(packed: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.take(most + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > most {
        return Err(std::io::Error::other(format!("more than {most} bytes")));
    }
    Ok(unpacked)
}

/// Renames a segment that no longer counts, so that its trials are run again and its bytes stay;
/// gives its new name, which says why: `damaged`, or `superseded`.
///
/// # Errors
/// Where the folder can't be written.
pub fn set_aside(path: &Path, why: &str) -> Result<PathBuf> {
    let name = |number: usize| {
        let mut aside = path.as_os_str().to_os_string();
        aside.push(match number {
            1 => format!(".{why}"),
            _ => format!(".{why}-{number}"),
        });
        PathBuf::from(aside)
    };
    let mut number = 1;
    while name(number).exists() {
        number += 1;
    }
    match std::fs::rename(path, name(number)) {
        // Another process has just done it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        done => done.map_err(Error::io(path, "move aside"))?,
    }
    Ok(name(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Member, Outcome};

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
        let mut seeds = Vec::new();
        for path in segments(folder.path()).unwrap() {
            let segment: Segment = read(&path).unwrap().unwrap();
            seeds.extend(segment.trials.iter().map(|trial| trial.record.member.seed));
        }
        seeds.sort_unstable();
        assert_eq!(seeds, [1, 2]);
    }

    /// A few bytes may unpack to any number of them.
    #[test]
    fn a_segment_that_unpacks_for_ever_is_refused() {
        let zeros = std::io::repeat(0).take(1 << 24);
        let packed = zstd::encode_all(zeros, 3).unwrap();
        assert!(packed.len() < 1 << 12);
        assert_eq!(unpack(&packed, 1 << 24).unwrap().len(), 1 << 24);
        let problem = unpack(&packed, (1 << 24) - 1).unwrap_err();
        assert_eq!(problem.to_string(), "more than 16777215 bytes");
    }

    #[test]
    fn what_returns_after_megabytes_takes_no_room() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        let once: Vec<u8> = (0..4 << 20).map(|_| noise()).collect();
        let packed = pack(&once.repeat(3)).unwrap();
        assert!(packed.len() < once.len() * 11 / 10, "{}", packed.len());
        assert_eq!(unpack(&packed, 1 << 24).unwrap(), once.repeat(3));
    }

    #[test]
    fn a_truncated_segment_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &segment(1)).unwrap();
        let path = segments(folder.path()).unwrap().remove(0);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let damaged = read::<TrialRecord>(&path).unwrap().unwrap_err();
        let text = damaged.to_string();
        assert!(
            text.contains("core.unlock.") && text.contains("damaged segment"),
            "{text}"
        );
        set_aside(&damaged.path, "damaged").unwrap();
        assert_eq!(segments(folder.path()).unwrap(), [] as [PathBuf; 0]);
    }
}
