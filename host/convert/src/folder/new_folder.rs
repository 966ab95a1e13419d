//! A folder that is written aside, synced and renamed: it is there whole or not at all.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use picklock_files::ASIDE;
use picklock_message::{Error, Result};
use serde_json::Value;
use tempfile::TempDir;

/// A folder in the making; what has been written goes when it is dropped.
pub struct NewFolder {
    aside: TempDir,
    place: PathBuf,
}

impl NewFolder {
    /// Whether a folder can be at `place`, for before what takes long.
    ///
    /// # Errors
    /// Where something is there already, or nothing can be written there.
    pub fn check(place: &Path) -> Result<()> {
        if place.symlink_metadata().is_ok() {
            let problem = "it is there already; choose another folder, or remove this one";
            return Err(Error::file(place, problem));
        }
        let there = place.ancestors().skip(1).find(|folder| folder.exists());
        let tried = aside().tempdir_in(there.unwrap_or(Path::new(".")));
        tried.map(drop).map_err(Error::io(place, "make the folder"))
    }

    /// Begins a folder that is to be at `place`.
    ///
    /// # Errors
    /// Where something is there already, or nothing can be written there.
    pub fn at(place: &Path) -> Result<Self> {
        Self::check(place)?;
        let parent = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let refused = || Error::io(place, "make the folder");
        std::fs::create_dir_all(parent).map_err(refused())?;
        let aside = aside().tempdir_in(parent).map_err(refused())?;
        let place = place.to_path_buf();
        Ok(Self { aside, place })
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        self.aside.path()
    }

    /// Writes a file of JSON.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write_json(&self, name: &str, value: &Value) -> Result<()> {
        Ok(picklock_lm::write_json(&self.path().join(name), value)?)
    }

    /// Writes a file of text.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.path().join(name), text).map_err(self.refused())
    }

    /// Syncs every file and puts the folder into its place.
    ///
    /// # Errors
    /// Where the disk is full, or something is in that place by now.
    pub fn finish(self) -> Result<()> {
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        let entries = std::fs::read_dir(self.path()).map_err(self.refused())?;
        for entry in entries {
            let entry = entry.map_err(self.refused())?;
            sync(&entry.path()).map_err(self.refused())?;
        }
        sync(self.path()).map_err(self.refused())?;
        std::fs::rename(self.path(), &self.place).map_err(self.refused())?;
        let parent = self.path().parent().unwrap_or(Path::new("."));
        sync(parent).map_err(self.refused())
    }

    /// An error of the system, about the folder as the user knows it.
    fn refused(&self) -> impl FnOnce(std::io::Error) -> Error {
        Error::io(&self.place, "write")
    }
}

/// Makes folders that are written aside.
fn aside() -> tempfile::Builder<'static, 'static> {
    let mut aside = tempfile::Builder::new();
    aside.prefix(ASIDE);
    aside.permissions(Permissions::from_mode(0o777)); // less what the user's umask takes
    aside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("deep/model");
        let folder = NewFolder::at(&place).unwrap();
        folder.write("one", "1").unwrap();
        assert!(!place.exists());
        drop(folder);
        assert_eq!(names(&home.path().join("deep")), [""; 0]);
        let folder = NewFolder::at(&place).unwrap();
        folder.write("two", "2").unwrap();
        folder.finish().unwrap();
        assert_eq!(names(&home.path().join("deep")), ["model"]);
        assert_eq!(names(&place), ["two"]);
    }

    #[test]
    fn nothing_is_written_over() {
        let home = tempfile::tempdir().unwrap();
        let told = NewFolder::at(home.path()).err().unwrap().to_string();
        assert!(told.ends_with("it is there already; choose another folder, or remove this one"));
        std::fs::write(home.path().join("file"), "").unwrap();
        let told = NewFolder::check(&home.path().join("file/deep/model"));
        let told = told.unwrap_err().to_string();
        assert!(told.contains("deep/model: "), "{told}");
        std::fs::remove_file(home.path().join("file")).unwrap();
        NewFolder::check(&home.path().join("new/deep/model")).unwrap();
        assert_eq!(names(home.path()), [""; 0]);
        let place = home.path().join("late");
        let folder = NewFolder::at(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("theirs"), "").unwrap();
        assert!(folder.finish().is_err());
        assert_eq!(names(home.path()), ["late"]);
        assert_eq!(names(&place), ["theirs"]);
    }
}
