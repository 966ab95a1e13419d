//! A plugin's file, of which the manifest is read.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use picklock_record::PluginFile;
use picklock_fuzz::one_line;
use tempfile::TempDir;

fn path() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| TempDir::new().expect("a folder"));
    folder.path().join("libpicklock_tests.so")
}

fuzz_target!(|file: &[u8]| {
    let path = path();
    std::fs::write(&path, file).expect("room for it");
    match PluginFile::inspect(&path) {
        Ok(plugin) => {
            let words = [&plugin.name, &plugin.version, &plugin.sdk];
            assert!(words.iter().all(|word| (1..=64).contains(&word.len())));
            for refused in [
                plugin.check_versions(),
                plugin.check_file_name(),
                plugin.called("tests").map(drop),
            ] {
                if let Err(error) = refused {
                    one_line(&error);
                }
            }
        }
        Err(error) => one_line(&error),
    }
});
