//! Weak answers in the cache, beside the models: sampling those of a large model takes longer than a
//! lock on them.

use std::io::Write;

use picklock_files::{ASIDE, Key};
use picklock_message::{Error, Result};

use super::{Cache, ORIGIN, Origin};

/// The answers' tokens.
const ANSWERS: &str = "answers.json";

impl Cache {
    /// The answers of this key, `[question][token]`; none where they aren't there whole.
    pub fn answers(&self, key: &Key) -> Option<Vec<Vec<u32>>> {
        let text = std::fs::read(self.model(key).join(ANSWERS)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps answers: written aside, then renamed, so that nobody sees half of them.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn store_answers(&self, key: &Key, answers: &[Vec<u32>], origin: &Origin) -> Result<()> {
        let folder = self.folder("models")?;
        let aside = tempfile::Builder::new()
            .prefix(ASIDE)
            .tempdir_in(&folder)
            .map_err(Error::io(&folder, "write"))?;
        let answers = serde_json::to_vec(answers).unwrap_or_default();
        let origin = serde_json::to_vec(origin).unwrap_or_default();
        for (name, text) in [(ANSWERS, answers), (ORIGIN, origin)] {
            let path = aside.path().join(name);
            let written = std::fs::File::create(&path).and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            });
            written.map_err(Error::io(&path, "write"))?;
        }
        let place = self.model(key);
        match std::fs::rename(aside.path(), &place) {
            // Another process has just made the same answers, or damaged ones are in the way.
            Err(_) if place.is_dir() => Ok(()),
            other => other.map_err(Error::io(&place, "write")),
        }
    }
}

#[cfg(test)]
mod tests {
    use picklock_record::{Kind, Source};

    use super::*;
    use crate::cache::Rule;

    #[test]
    fn answers_are_kept_listed_and_pruned_like_models() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let key = Key::of(&"answers");
        assert_eq!(cache.answers(&key), None);
        let answers = [vec![1, 2], vec![], vec![3]];
        let origin = Origin::new("micro", 7, &Kind::Answers(Source::Greedy));
        cache.store_answers(&key, &answers, &origin).unwrap();
        cache.store_answers(&key, &answers, &origin).unwrap();
        assert_eq!(cache.answers(&key).unwrap(), answers);
        let entries = cache.entries().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].origin.as_ref(), Some(&origin));
        std::fs::write(entries[0].path.join(ANSWERS), "[[1").unwrap();
        assert_eq!(cache.answers(&key), None, "cut short");
        let all = Rule {
            bytes: Some(0),
            unused: None,
        };
        assert_eq!(cache.prune(&all).unwrap().removed.len(), 1);
        assert!(cache.entries().unwrap().is_empty());
    }
}
