//! Weak answers in the cache, beside the models: sampling those of a large model takes longer than a
//! lock on them.

use picklock_files::Key;
use picklock_message::{Error, Result};

use super::models::{Cache, Origin};

/// The answers' tokens.
const ANSWERS: &str = "answers.json";

impl Cache {
    /// The answers of this key, `[question][token]`; none where they are missing or damaged.
    pub fn answers(&self, key: &Key) -> Option<Vec<Vec<u32>>> {
        let text = std::fs::read(self.entry(key).join(ANSWERS)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps answers.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn store_answers(&self, key: &Key, answers: &[Vec<u32>], origin: &Origin) -> Result<()> {
        let text = serde_json::to_vec(answers).unwrap_or_default();
        self.write(key, origin, |folder| {
            let path = folder.join(ANSWERS);
            std::fs::write(&path, &text).map_err(Error::io(&path, "write"))
        })?;
        Ok(())
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
