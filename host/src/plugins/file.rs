//! What a plugin file says of itself, read without running any of it.

use std::path::{Path, PathBuf};

use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, SectionFlags};
use picklock_sdk::abi::{MAGIC, Manifest, NUMBER, SECTION};

use crate::error::{Error, Result};
use crate::organism::Key;

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
    /// Where it can't be read, is no whole ELF library, no plugin, or one of another ABI.
    pub fn read(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path)
            .map_err(Error::io(path, "read"))?
            .len();
        if size > LARGEST {
            return Err(Error::file(
                path,
                format!("{size} bytes are too many for a plugin"),
            ));
        }
        let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
        let fail = |problem: String| Error::file(path, problem);
        check_whole(&bytes).map_err(fail)?;
        let elf = object::File::parse(&*bytes)
            .map_err(|error| fail(format!("a damaged ELF file: {error}")))?;
        let manifest = manifest(&elf).map_err(fail)?;
        let text = |bytes: &[u8]| {
            let end = bytes
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let name = text(&manifest.name);
        if manifest.abi != NUMBER {
            let problem = format!(
                "ABI {}, this picklock speaks {NUMBER}; rebuild it with cargo build -p picklock-{name}",
                manifest.abi
            );
            return Err(Error::Plugin { name, problem });
        }
        let (version, sdk) = (text(&manifest.version), text(&manifest.sdk));
        let (hash, code) = (Key::of_bytes(&bytes), loaded_hash(&elf));
        Ok(Self {
            path: path.to_path_buf(),
            name,
            version,
            sdk,
            hash,
            code,
            bytes,
        })
    }
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
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
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
