//! What a plugin file says of itself, read without running any of it.

use std::path::{Path, PathBuf};

use object::elf::{
    EM_AARCH64, EM_RISCV, EM_X86_64, ET_DYN, FileHeader64, Machine, PT_DYNAMIC, PT_LOAD,
};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, SectionFlags};
use picklock_files::Key;
use picklock_message::{Error, Result};
use picklock_sdk::abi::{MAGIC, Manifest, NUMBER, SECTION};

/// The SDK that this picklock was built with: crates of the workspace share their version.
const SDK: &str = env!("CARGO_PKG_VERSION");

/// The largest plugin file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// A plugin file, read and understood.
#[derive(Clone, Debug)]
pub struct PluginFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The hypothesis.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The boundary's version that it was built for.
    pub abi: u32,
    /// The SDK's version that it was built with.
    pub sdk: String,
    /// SHA-256 of the file.
    pub hash: Key,
    /// SHA-256 of what is loaded of it: the same with and without debug information.
    pub code: Key,
    /// The file's bytes: what was checked is what gets loaded.
    pub bytes: Vec<u8>,
}

impl PluginFile {
    /// Reads and checks a plugin file.
    ///
    /// # Errors
    /// Where it can't be read, is no whole ELF library, no plugin, or one for another picklock.
    pub fn read(path: &Path) -> Result<Self> {
        let file = Self::inspect(path)?;
        file.check_versions()?;
        Ok(file)
    }

    /// Reads a plugin file, which may be one for another picklock.
    ///
    /// # Errors
    /// Where it can't be read, is no whole ELF library, or no plugin.
    pub fn inspect(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
        if !metadata.is_file() {
            return Err(Error::file(path, "no plugin: not a file"));
        }
        let size = metadata.len();
        if size > LARGEST {
            let problem = format!("{size} bytes are too many for a plugin");
            return Err(Error::file(path, problem));
        }
        let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
        let fail = |problem: String| Error::file(path, problem);
        check_whole(&bytes).map_err(fail)?;
        let elf = object::File::parse(&*bytes)
            .map_err(|error| fail(format!("a damaged ELF file: {error}")))?;
        let manifest = manifest(&elf).map_err(fail)?;
        let word = |what: &str, bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0);
            let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned();
            // It goes into messages, file names and tables.
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            match !text.is_empty() && text.chars().all(fine) {
                true => Ok(text),
                false => Err(fail(format!(
                    "its manifest has the {what} {text:?}; build it again"
                ))),
            }
        };
        Ok(Self {
            path: path.to_path_buf(),
            name: word("name", &manifest.name)?,
            version: word("version", &manifest.version)?,
            abi: manifest.abi,
            sdk: word("SDK version", &manifest.sdk)?,
            hash: Key::of_bytes(&bytes),
            code: loaded_hash(&elf),
            bytes,
        })
    }

    /// This file, if it is the plugin of the hypothesis `name`.
    ///
    /// # Errors
    /// Where it is another one's.
    pub fn called(self, name: &str) -> Result<Self> {
        if self.name == name {
            return Ok(self);
        }
        let problem = format!(
            "{} says that it is `{}`; rename the crate to picklock-{name}",
            self.path.display(),
            self.name
        );
        Err(Error::Plugin {
            name: name.to_string(),
            problem,
        })
    }

    /// Checks that picklock finds it under its name.
    ///
    /// # Errors
    /// Where its file is called otherwise.
    pub fn check_file_name(&self) -> Result<()> {
        let expected = format!("libpicklock_{}.so", self.name.replace('-', "_"));
        if self.path.file_name().is_some_and(|name| *name == *expected) {
            return Ok(());
        }
        let problem = format!("it is the plugin `{}`; rename it to {expected}", self.name);
        Err(Error::file(&self.path, problem))
    }

    /// Checks that it was built for this picklock.
    ///
    /// # Errors
    /// Where its ABI or its SDK differs.
    pub fn check_versions(&self) -> Result<()> {
        let (name, sdk) = (&self.name, &self.sdk);
        let problem = if self.abi != NUMBER {
            format!("ABI {}, this picklock speaks {NUMBER}", self.abi)
        } else if series(sdk) != series(SDK) {
            format!("SDK {sdk}, this picklock has {SDK}")
        } else {
            return Ok(());
        };
        Err(Error::Plugin {
            name: name.clone(),
            problem: format!("{problem}; rebuild it with cargo build -p picklock-{name}"),
        })
    }
}

/// The part of a version that must agree: all that is before the patch while the major is 0, else
/// the major.
fn series(version: &str) -> &str {
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    let ends = version.match_indices('.').map(|(place, _)| place);
    let end = ends.into_iter().nth(parts - 1).unwrap_or(version.len());
    &version[..end]
}

/// Checks that the file is an ELF library and that none of what gets loaded is cut off: the dynamic
/// loader crashes on a truncated one.
fn check_whole(bytes: &[u8]) -> std::result::Result<(), String> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err("no plugin: not an ELF library; build one with cargo build".into());
    }
    let damaged = |error: object::Error| format!("a damaged ELF file: {error}; build it again");
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_machine(header.e_machine(endian), std::env::consts::ARCH)?;
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    let has = |kind| {
        segments
            .iter()
            .any(|segment| segment.p_type(endian) == kind)
    };
    if header.e_type(endian) != ET_DYN || !has(PT_LOAD) || !has(PT_DYNAMIC) {
        return Err("a damaged ELF file: nothing in it can be loaded; build it again".into());
    }
    let end = |segment: &object::elf::ProgramHeader64<Endianness>| {
        segment
            .p_offset(endian)
            .saturating_add(segment.p_filesz(endian))
    };
    let loaded = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .map(end);
    let sections = header
        .e_shoff(endian)
        .saturating_add(u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian)));
    let needed = loaded.chain([sections]).max().unwrap_or(0);
    if needed > bytes.len() as u64 {
        return Err(format!(
            "truncated: {} bytes, expected at least {needed}; build it again",
            bytes.len()
        ));
    }
    Ok(())
}

/// Checks that the file was built for this CPU.
fn check_machine(machine: Machine, expected: &str) -> std::result::Result<(), String> {
    let known = [
        (EM_X86_64, "x86_64"),
        (EM_AARCH64, "aarch64"),
        (EM_RISCV, "riscv64"),
    ];
    let found = known.into_iter().find(|(known, _)| *known == machine);
    let found = found.map_or_else(
        || format!("CPU number {}", machine.0),
        |(_, name)| name.to_string(),
    );
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "built for {found}, this machine is {expected}; build it here"
        )),
    }
}

fn manifest(elf: &object::File<'_>) -> std::result::Result<Manifest, String> {
    let section = elf.section_by_name(SECTION).ok_or_else(|| {
        format!(
            "no plugin: it has no {SECTION} section; export a hypothesis with export_hypothesis!"
        )
    })?;
    let data = section
        .data()
        .map_err(|error| format!("a damaged {SECTION} section: {error}"))?;
    let mut rest = data;
    let mut take = |count: usize| -> std::result::Result<&[u8], String> {
        let size = std::mem::size_of::<Manifest>();
        let short = || {
            format!(
                "a {SECTION} section of {} bytes, expected {size}",
                data.len()
            )
        };
        let (taken, left) = rest.split_at_checked(count).ok_or_else(short)?;
        rest = left;
        Ok(taken)
    };
    let mut manifest = Manifest {
        magic: [0; 8],
        abi: 0,
        name: [0; 64],
        version: [0; 32],
        sdk: [0; 32],
    };
    manifest.magic.copy_from_slice(take(8)?);
    if manifest.magic != MAGIC {
        return Err(format!(
            "no plugin: its {SECTION} section doesn't start with PICKLOCK"
        ));
    }
    let mut abi = [0; 4];
    abi.copy_from_slice(take(4)?);
    manifest.abi = u32::from_le_bytes(abi);
    manifest.name.copy_from_slice(take(64)?);
    manifest.version.copy_from_slice(take(32)?);
    manifest.sdk.copy_from_slice(take(32)?);
    Ok(manifest)
}

/// The hash of the sections that are loaded, without the build id (which covers the others too).
fn loaded_hash(elf: &object::File<'_>) -> Key {
    let mut loaded = Vec::new();
    for section in elf.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            continue;
        };
        let name = section.name().unwrap_or_default();
        if sh_flags.0 & object::elf::SHF_ALLOC.0 != 0 && name != ".note.gnu.build-id" {
            loaded.extend_from_slice(name.as_bytes());
            loaded.extend_from_slice(section.data().unwrap_or_default());
        }
    }
    Key::of_bytes(&loaded)
}

/// Reads a plugin file that must have this hash.
///
/// # Errors
/// Where it can't be read, or has another hash.
pub fn unchanged(path: &Path, hash: &Key) -> Result<PluginFile> {
    let file = PluginFile::read(path)?;
    if file.hash == *hash {
        return Ok(file);
    }
    let problem = format!("{} has changed since the run began", path.display());
    Err(Error::Plugin {
        name: file.name,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_an_sdk_go_together() {
        assert_eq!(series("0.1.0"), series("0.1.7"));
        assert_ne!(series("0.1.0"), series("0.2.0"));
        assert_eq!(series("1.2.3"), series("1.4.0-rc.1"));
        assert_ne!(series("1.2.3"), series("10.2.3"));
    }
}
