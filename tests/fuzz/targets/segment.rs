//! A segment of a journal. The first byte says what the others are: `0` the file, `1` the JSON in it.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use picklock_record::journal::read;
use picklock_record::{GradedTrial, TrialRecord};
use picklock_fuzz::one_line;
use tempfile::TempDir;

fn path() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| TempDir::new().expect("a folder"));
    folder.path().join("core.unlock.0.json.zst")
}

fuzz_target!(|input: &[u8]| {
    let file = match input.split_first() {
        Some((b'0', file)) => file.to_vec(),
        Some((b'1', json)) => zstd::encode_all(json, 1).expect("memory takes all"),
        _ => return,
    };
    let path = path();
    std::fs::write(&path, file).expect("room for it");
    let whole = match read::<TrialRecord>(&path) {
        Ok(Ok(_)) => true,
        Ok(Err(damaged)) => {
            one_line(&damaged);
            false
        }
        Err(error) => {
            one_line(&error);
            false
        }
    };
    // Who needs less of it reads whatever can be read whole.
    assert!(!whole || matches!(read::<GradedTrial>(&path), Ok(Ok(_))));
});
